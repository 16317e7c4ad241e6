"""The data set `folder`: a user's own images, in a folder or in a zip.

The first folder of an image's path is its label; one folder that holds everything is not a label,
as a zip made of a folder has it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pgpipe.data import rawzip
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.files import copy

if TYPE_CHECKING:
    from pgpipe.data.items import Item

HELP = "put images into data/own, or set dataset.path"


def fetch(path: Path, target: Path) -> None:
    """Write the files of a folder, or the bytes of a zip, as the archive `target`.

    All visible files are taken, images or not: `read` decides and reports.

    Raises:
        UsageError: `path` is missing, empty, unreadable, or neither a folder nor a zip.
        IntegrityError: the zip cannot be read to its end.
    """
    try:
        (pack_folder if is_folder(path) else copy_zip)(path, target)
    except (PermissionError, FileNotFoundError) as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None


def link(path: Path, target: Path) -> None:
    """Let `target` be another name of a folder or zip, for `read`."""
    is_folder(path)
    target.symlink_to(path.absolute())


def is_folder(path: Path) -> bool:
    """Whether this is a folder, not a zip; a UsageError where it is neither."""
    if path.is_dir() or (path.is_file() and path.suffix.lower() == ".zip"):
        return path.is_dir()
    found = "neither a folder nor a .zip" if path.exists() else "no such folder or .zip"
    raise UsageError(f"{path}: {found}; {HELP}")


def pack_folder(folder: Path, target: Path) -> None:
    """Pack the visible regular files under `folder` by their relative names."""
    found = named(folder)
    if not found:
        raise UsageError(f"{folder}: no files in it; {HELP}")
    rawzip.pack(found, target)


def files_under(folder: Path) -> Iterator[Path]:
    """Visible regular files, links to files included, links to folders not followed."""

    def fail(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not rawzip.is_hidden(name)]
        paths = [Path(place, name) for name in names if not rawzip.is_hidden(name)]
        yield from (path for path in paths if path.is_file())


def named(folder: Path) -> list[tuple[str, Path]]:
    """The files under a folder with their relative names, in the order of these."""
    found = sorted((path.relative_to(folder).as_posix(), path) for path in files_under(folder))
    try:
        for name, _ in found:
            name.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{folder}: {error.object!r} is not a UTF-8 name; rename it") from None
    return found


def copy_zip(path: Path, target: Path) -> None:
    """Read a zip once through, checksums and all, then copy its bytes as they are."""
    if not sum(1 for _ in rawzip.members(path)):
        raise UsageError(f"{path}: no files in it; {HELP}")
    copy(path, target)


def read(source: Path) -> "Iterator[Item]":
    """Yield the bytes, label and name of each file of an archive or a folder, in order of names.

    Raises:
        IntegrityError: the archive is unreadable, or a file of the folder too large to be an image.
    """
    label_at = common_depth(names(source))
    for name, data in members(source):
        yield data, label_of(name, label_at), name


def names(source: Path) -> list[str]:
    """The names of the visible files of a zip or a folder, sorted."""
    return [name for name, _ in named(source)] if source.is_dir() else rawzip.names(source)


def members(source: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the visible files of a zip or a folder, in the order of names."""
    if source.is_dir():
        yield from ((name, content(file)) for name, file in named(source))
    else:
        yield from rawzip.members(source)


def content(file: Path) -> bytes:
    """The bytes of a file, if it is no larger than an archive's may be."""
    if (size := file.stat().st_size) > rawzip.MAX_MEMBER_BYTES:
        raise IntegrityError(f"{file}: {size} bytes, at most {rawzip.MAX_MEMBER_BYTES} are read")
    return file.read_bytes()


def common_depth(names: list[str]) -> int:
    """1 where all names lie in one top folder, which then is no label; else 0."""
    tops = {tuple(rawzip.parts(name)[:-1][:1]) for name in names}
    return 1 if len(tops) == 1 and () not in tops else 0


def label_of(name: str, depth: int) -> str:
    """The folder at `depth` of a member's path, or "" where the file itself lies there."""
    folders = rawzip.parts(name)[:-1]
    return folders[depth] if len(folders) > depth else ""
