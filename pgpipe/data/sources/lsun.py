"""LSUN (Yu et al. 2015): an LMDB a category, whose values are image files, read and never written.

A category comes as CATEGORY_train_lmdb.zip, or as the folder that unzipping it leaves; what is kept
of either is its data.mdb as CATEGORY.mdb. Several categories are the labels.
"""

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

from pgpipe.data.reading import rawzip
from pgpipe.data.reading.blaming import blaming
from pgpipe.data.reading.items import Item
from pgpipe.data.sources.obtain import accept, verified
from pgpipe.data.sources.raw import several
from pgpipe.data.sources.source import Place, Source
from pgpipe.errors import UsageError
from pgpipe.plumbing.files import CHUNK_BYTES, atomic, copy

DATA = "data.mdb"
MAGIC = 0xBEEFC0DE
META = struct.Struct("<16x I I 8x 8x I 44x 48x Q Q")  # magic, version; page size; last page, turn
META_PAGES = (0, 1)


def fetch(place: Place) -> None:
    """Take the categories that the user has put there."""
    for path in databases(place.path):
        if path.is_file():
            accept(place, path, verified(place.name, path.name))
        unpack(path, place.raw, place.linked)


def unpack(source: Path, raw: Path, linked: bool = False) -> None:
    """Copy the database of a published zip, or copy or link that of a folder, to `raw`."""
    category = source.stem.removesuffix("_lmdb").removesuffix("_train")
    target = raw / f"{category}.mdb"
    if source.is_dir():
        if linked:
            target.symlink_to((source / DATA).absolute())
        else:
            copy(source / DATA, target)
        return
    with blaming(source, "zip"), ZipFile(source) as archive:
        found = [i for i in rawzip.entries(archive) if i.filename.rpartition("/")[2] == DATA]
        if len(found) != 1:
            raise ValueError(f"{len(found)} files {DATA} in it, expected 1")
        rawzip.refuse_growth(found[0])
        with archive.open(found[0]) as reader, atomic(target, found[0].file_size) as writer:
            shutil.copyfileobj(reader, writer, CHUNK_BYTES)


def databases(path: Path) -> list[Path]:
    """The zips and the folders of databases at `path`, or `path` itself."""
    if (path / DATA).is_file() or path.suffix.lower() == ".zip":
        return [path]
    found = sorted([*path.glob("*.zip"), *(file.parent for file in path.glob(f"*/{DATA}"))])
    if not found:
        raise UsageError(f"{path}: neither a CATEGORY_train_lmdb.zip nor a folder with {DATA}")
    return found


def read(raw: Path) -> Iterator[Item]:
    """The images of all categories in the order of their keys."""
    paths = several(raw, "*.mdb")
    for path in paths:
        label = path.stem if len(paths) > 1 else ""
        for key, value in values(path):
            yield value, label, f"{path.stem}/{key.decode('ascii', 'replace')}"


def values(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a database."""
    import lmdb

    with blaming(path, "LMDB"):
        require_whole(path)
        environment = lmdb.open(str(path), subdir=False, readonly=True, lock=False, max_readers=1)
        with environment, environment.begin() as transaction:
            yield from transaction.cursor()


def require_whole(path: Path) -> None:
    """Raise ValueError where pages are missing, over which LMDB would end the process (SIGBUS)."""
    with path.open("rb") as file:
        start = file.read(1 << 17)
    magic, version, page_bytes, *_ = META.unpack_from(start)
    if (magic, version) != (MAGIC, 1) or not 512 <= page_bytes <= 1 << 16:
        raise ValueError("no LMDB of version 1")
    metas = [META.unpack_from(start, page * page_bytes) for page in META_PAGES]
    last_page = max(metas, key=lambda meta: meta[-1])[-2]
    size = path.stat().st_size
    if size < (last_page + 1) * page_bytes:
        raise ValueError(f"{size} bytes of {(last_page + 1) * page_bytes}")


SOURCE = Source(fetch, read)
