"""Whether a user's copy of a published file is that file: by its bytes, or by what is in it.

Programs pack the same content in many ways: gzip writes a name and a time into its header, and
people unpack. So where the bytes are others, the content decides, if its hash is known.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from pgpipe.data.reading import bounds, rawzip, tars
from pgpipe.data.sources.catalogue import Published
from pgpipe.errors import IntegrityError
from pgpipe.plumbing.fetch.wanted import Wanted
from pgpipe.plumbing.fetch.wanted import require as require_bytes
from pgpipe.plumbing.files import CHUNK_BYTES

GZIP = b"\x1f\x8b"


def wanted(file: Published) -> Wanted:
    """What the downloader has to know of a file."""
    return Wanted(file.sha256, file.md5, file.size)


def names(name: str, file: Published) -> Iterator[str]:
    """What a user's copy may be called: as published, unpacked, or as Kaggle does."""
    yield name
    for packed in (".gz", ".tgz"):
        if name.endswith(packed):
            bare = name.removesuffix(packed)
            yield from (bare, bare.replace("-idx", ".idx"))
    if file.folder:
        yield file.folder


def require(path: Path, file: Published) -> None:
    """Raise an IntegrityError where a file, or an unpacked folder, is another than published."""
    if path.is_dir():
        if not file.members or not same_members(in_folder(path), file):
            raise IntegrityError(f"{path}: not known to be what was published")
        return
    try:
        require_bytes(path, wanted(file), str(path))
    except IntegrityError:
        if not same_content(path, file):
            raise


def same_content(path: Path, file: Published) -> bool:
    """Whether what is in a file is what was published, as far as that is known."""
    try:
        if file.members:
            return same_members(((n, content) for n, _, content in tars.files(path)), file)
        return bool(file.content) and digest(unpacked(path), "sha256") == file.content
    except (IntegrityError, OSError, EOFError, ValueError, zlib.error):
        return False


def same_members(members: Iterator[tuple[str, IO[bytes]]], file: Published) -> bool:
    """Whether all files of known hashes are there."""
    missing = dict(file.members)
    for name, content in members:
        known = missing.get(plain := "/".join(rawzip.parts(name)))
        if known and digest(content, "sha1") == known:
            del missing[plain]
    return not missing


def in_folder(folder: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The files of an unpacked archive, by their names in it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as content:
                yield f"{folder.name}/{path.relative_to(folder).as_posix()}", content


def unpacked(path: Path) -> IO[bytes]:
    """The content of a file that may be gzipped."""
    with path.open("rb") as file:
        packed = file.read(len(GZIP)) == GZIP
    if not packed:
        return path.open("rb")
    return bounds.bounded(cast(IO[bytes], gzip.open(path)), path.stat().st_size)


def digest(content: IO[bytes], kind: str) -> str:
    """The hash of what is left of a file, in hexadecimal."""
    found = hashlib.new(kind, usedforsecurity=False)
    while data := content.read(CHUNK_BYTES):
        found.update(data)
    return found.hexdigest()
