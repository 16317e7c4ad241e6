"""`data/raw/images.zip`: the image files as published, in one archive, written and read here.

Stored, not compressed, with names in order and nothing of the clock or the user in it, so that the
same files give the same bytes. One file, because DVC handles it ten times faster than many.

The reader also takes a user's own zip. It unpacks one member at a time into memory, never to disk,
so that a name such as `../x` is only a name.
"""

import io
import shutil
import stat
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from pgpipe.data.reading import bounds
from pgpipe.data.reading.blaming import blaming
from pgpipe.plumbing.files import CHUNK_BYTES, atomic

NAME = "images.zip"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that zip can state
UNIX = 3
MAX_MEMBERS = 1 << 23
OF_WINDOWS = {"thumbs.db", "ehthumbs.db", "desktop.ini"}


def pack(members: Iterable[tuple[str, bytes | Path]], target: Path) -> None:
    """Write names with contents, or with the files that hold them, as a zip, atomically.

    Contents that are paths are streamed, however large; bytes are held until written.
    """
    ordered = sorted(members, key=itemgetter(0))
    size = sum(len(c) if isinstance(c, bytes) else c.stat().st_size for _, c in ordered)
    with (
        atomic(target, size) as file,
        ZipFile(file, "w", ZIP_STORED, allowZip64=True) as archive,
    ):
        for name, content in ordered:
            add(archive, name, content)


def add(archive: ZipFile, name: str, content: bytes | Path) -> None:
    """Append one member with fixed time, system and permissions."""
    info = ZipInfo(name, EPOCH)
    info.create_system = UNIX
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    source: BinaryIO = io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
    with source:
        info.file_size = source.seek(0, io.SEEK_END)  # decides on zip64
        source.seek(0)
        with archive.open(info, "w") as sink:
            shutil.copyfileobj(source, sink, CHUNK_BYTES)


def members(archive: Path, only: str = "", most: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the regular, visible files of a zip, in the order of their names.

    Raises:
        IntegrityError: not a zip, truncated, encrypted, a wrong checksum, a bomb.
    """
    with blaming(archive, "zip"), ZipFile(archive) as opened:
        for info in entries(opened):
            if only not in ("", info.filename):
                continue
            with blaming(archive, "zip", info.filename):
                refuse_unsafe(info, most)
                content = opened.read(info)
            yield info.filename, content


def names(archive: Path) -> list[str]:
    """The names that `members` gives, without reading the contents."""
    with blaming(archive, "zip"), ZipFile(archive) as opened:
        return [info.filename for info in entries(opened)]


def entries(opened: ZipFile) -> list[ZipInfo]:
    """The entries that are regular files (no folders, no links) and not hidden, sorted."""
    found = opened.infolist()
    refuse_excess(found, Path(str(opened.filename)).stat().st_size)
    kinds = (0, stat.S_IFREG)  # 0: written on a system without kinds
    files = [i for i in found if stat.S_IFMT(i.external_attr >> 16) in kinds]
    visible = [i for i in files if not i.is_dir() and not is_hidden(i.filename)]
    return sorted(visible, key=lambda info: info.filename)


def links(archive: Path) -> list[str]:
    """The names of the visible links, which are not followed."""
    with blaming(archive, "zip"), ZipFile(archive) as opened:
        kinds = {i.filename: stat.S_IFMT(i.external_attr >> 16) for i in opened.infolist()}
        return sorted(n for n, kind in kinds.items() if kind == stat.S_IFLNK and not is_hidden(n))


def parts(name: str) -> list[str]:
    """The folders and the file of a member's name, without roots and steps (`/`, `..`, `C:`)."""
    steps = name.replace("\\", "/").split("/")
    return [step for step in steps if step not in ("", ".", "..") and not step.endswith(":")]


def is_hidden(name: str) -> bool:
    """Whether a file is none of the user's: `.DS_Store`, `__MACOSX/x`, `.git/x`, `Thumbs.db`."""
    steps = parts(name)
    of_system = any(step.startswith(".") or step == "__MACOSX" for step in steps)
    return of_system or bool(steps and steps[-1].lower() in OF_WINDOWS)


def refuse_excess(infos: list[ZipInfo], archive_bytes: int) -> None:
    """Raise ValueError for an archive that might take for ever."""
    if len(infos) > MAX_MEMBERS:
        raise ValueError(f"{len(infos)} members, at most {MAX_MEMBERS} are read")
    if sum(info.compress_size for info in infos) > archive_bytes:  # some bytes count several times
        raise ValueError("members overlap, as those of bombs do")


def refuse_unsafe(info: ZipInfo, most: int | None = None) -> None:
    """Raise ValueError for a member that might not fit into memory."""
    bounds.require_item(info.file_size, most=most)
    refuse_growth(info)


def refuse_growth(info: ZipInfo) -> None:
    """Raise ValueError for a member that becomes more than image files do."""
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # zipfile unpacks others unbounded
        raise ValueError("neither stored nor deflated; pack it with plain zip")
    bounds.require_growth(info.compress_size, info.file_size)
