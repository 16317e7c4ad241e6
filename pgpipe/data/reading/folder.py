"""The data set `folder`: a user's own images, in a folder or in a zip.

`pgpipe.data.reading.layouts` says which folders are labels. Links of the user's are followed, to
files and to folders, wherever they lead, but not back into a folder that they lie in.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pgpipe.data.reading import bounds, layouts, rawzip
from pgpipe.data.reading.layouts import Layout
from pgpipe.errors import UsageError
from pgpipe.plumbing.files import copy

if TYPE_CHECKING:
    from pgpipe.data.reading.items import Item

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
    if not names(path):
        raise UsageError(f"{path}: no files in it; {HELP}")
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
    """Visible regular files; links to files and folders are followed, each way but in a circle.

    Raises:
        UsageError: a link leads nowhere, or there are too many files.
    """
    count = 0
    unread = [(folder, {identity(folder)})]  # with the folders that it lies in
    while unread:
        place, above = unread.pop()
        for path in sorted(place.iterdir()):
            if rawzip.is_hidden(path.name):
                continue
            count += 1
            if count > rawzip.MAX_MEMBERS:
                raise UsageError(f"{folder}: more than {rawzip.MAX_MEMBERS} files and folders")
            if path.is_symlink() and not path.exists():
                raise UsageError(f"{path}: a link to nothing; mend or remove it")
            if path.is_file():
                yield path
            elif path.is_dir() and (own := identity(path)) not in above:
                unread.append((path, above | {own}))


def identity(folder: Path) -> tuple[int, int]:
    """What is the same by whichever links a folder is reached."""
    found = folder.stat()
    return found.st_dev, found.st_ino


def named(folder: Path) -> list[tuple[str, Path]]:
    """The files under a folder with their relative names, in the order of these.

    Raises:
        UsageError: a name is no text, or holds what parts folders in archives of other systems.
        IntegrityError: a file is too large to be an image.
    """
    found = sorted((path.relative_to(folder).as_posix(), path) for path in files_under(folder))
    try:
        for name, _ in found:
            name.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{folder}: {error.object!r} is not a UTF-8 name; rename it") from None
    for name, path in found:
        if "\\" in name:
            raise UsageError(f"{path}: a backslash ends a folder's name in archives; rename it")
        bounds.require_file(path, "image")
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
    labels = survey(source).labels
    for name, data in members(source):
        yield data, labels[name], name


def survey(source: Path) -> Layout:
    """The labels by name, without the contents; what somebody should know of them."""
    links = () if source.is_dir() else rawzip.links(source)
    return layouts.of(names(source))._replace(unread=[*layouts.links(links)])


def names(source: Path) -> list[str]:
    """The names of the visible files of a zip or a folder, sorted."""
    return [name for name, _ in named(source)] if source.is_dir() else rawzip.names(source)


def members(source: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the visible files of a zip or a folder, in the order of names."""
    if source.is_dir():
        yield from ((name, file.read_bytes()) for name, file in named(source))
    else:
        yield from rawzip.members(source)
