"""A tar, packed by gzip, bzip2, xz or not at all, read once from its beginning, never to disk.

Strictly: Python's tarfile takes a damaged header for the end of the archive; here only the end
marker is one.
"""

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Self, cast

from pgpipe.data.reading import bounds
from pgpipe.data.reading.blaming import blaming
from pgpipe.data.reading.rawzip import is_hidden, parts
from pgpipe.errors import IntegrityError
from pgpipe.plumbing.files import atomic

MAX_HEADER_BYTES = 1 << 20  # of a long name, or of attributes; tarfile reads them whole
MAX_PADDING_BYTES = 1 << 20  # zeros after the end marker
UNPACK: Mapping[bytes, Callable[[Path], object]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}  # by how a packed file starts
METADATA = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}


class StrictHeader(tarfile.TarInfo):
    """A header that is whole, and that does not announce more metadata than fits into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse a block; ValueError unless it is a header or the end marker."""
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise
            raise ValueError(f"{error}, where a header or the end should be") from None
        if header.type in METADATA and header.size > MAX_HEADER_BYTES:
            raise ValueError(f"a header of {header.size} bytes")
        return header


def files(path: Path, links: list[str] | None = None) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Names, sizes and contents (to be read before the next) of the regular, visible files.

    `links` receives the names of the visible links, which are not followed.

    Raises:
        IntegrityError: no tar, damaged, or truncated, as far as it is read.
    """
    with blaming(path, "tar"), unpacked(path) as stream:
        with tarfile.open(
            fileobj=stream, mode="r|", bufsize=tarfile.BLOCKSIZE, tarinfo=StrictHeader
        ) as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # else it grows with the archive
                if member.isreg() and not member.issparse() and not is_hidden(member.name):
                    yield member.name, member.size, cast(IO[bytes], archive.extractfile(member))
                elif links is not None and (member.issym() or member.islnk()):
                    links += [] if is_hidden(member.name) else [member.name]
        if len(stream.read(MAX_PADDING_BYTES).strip(b"\0")) or stream.read(1):
            raise ValueError("more data after its end")


def unpacked(path: Path) -> IO[bytes]:
    """The bytes of a tar, whatever packed it, within their bound."""
    with path.open("rb") as file:
        start = file.read(6)
    for magic, unpack in UNPACK.items():
        if start.startswith(magic):
            return bounds.bounded(cast(IO[bytes], unpack(path)), path.stat().st_size)
    return path.open("rb")


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files, in the archive's order."""
    for name, size, file in files(path):
        yield name, whole(path, name, size, file)


def whole(path: Path, name: str, size: int, file: IO[bytes], most: int | None = None) -> bytes:
    """The content of a file that fits into memory."""
    with blaming(path, "tar", name):
        bounds.require_item(size, most=most)
        data = file.read()
        if len(data) != size:
            raise ValueError(f"{len(data)} bytes of {size}")
    return data


def pack(folder: Path, target: Path) -> None:
    """Write the files of a folder, below its name, as a tar without times and owners."""
    with atomic(target) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for name, path in visible(folder):
            member = tarfile.TarInfo(f"{folder.name}/{name}")
            member.size = path.stat().st_size
            with path.open("rb") as content:
                archive.addfile(member, content)


def visible(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of a folder that `pack` takes, with their names in it."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not is_hidden(name):
            yield name, path


def contents(path: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """The contents of some files, all of which have to be there.

    Raises:
        IntegrityError: one is not.
    """
    missing, found = set(wanted), {}
    for given, size, file in files(path):
        name = "/".join(parts(given))  # `tar c .` has ./ before each
        if name in missing:
            found[name] = whole(path, name, size, file)
            missing.remove(name)
        if not missing:
            return found
    raise IntegrityError(f"{path}: {sorted(missing)[0]!r} is not in it")
