"""The files of a data set into data/raw: the user's own, those fetched before, or a mirror's.

What is fetched stays under .pgpipe/downloads of the main checkout, so that experiments share it and
an interrupted download goes on, though DVC empties data/raw before each run.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from pgpipe.data.sources.catalogue import Published, entries
from pgpipe.errors import NetworkError, UsageError
from pgpipe.fetch.mirrors import fetch
from pgpipe.fetch.transfer import Report
from pgpipe.fetch.wanted import Wanted, copy, require
from pgpipe.files import link_or_copy
from pgpipe.project import project_root

Watch = Callable[[str, int], AbstractContextManager[Report]]  # shows a download: name, bytes


class Place(NamedTuple):
    """A data set, where the user's files of it are, where the raw files go, who watches."""

    name: str
    path: Path
    raw: Path
    watch: Watch
    linked: bool = False  # to look at the user's files where they are, not to keep them


def published(place: Place) -> None:
    """All files that the catalogue names, verified.

    Raises:
        UsageError: one has to be fetched by hand, and is not there.
        IntegrityError: one is another file than was published.
        NetworkError: one is neither there nor can be fetched.
    """
    for name, file in entries()[place.name].files.items():
        obtain(place, name, wanted(file))


def wanted(file: Published) -> Wanted:
    """What the downloader has to know of a file."""
    return Wanted(file.sha256, file.md5, file.size)


def obtain(place: Place, name: str, known: Wanted) -> None:
    """One file, from the first place that has it."""
    own = place.path if place.path.name == name else place.path / name
    entry, target = entries()[place.name], place.raw / name
    if own.is_file():
        take(place, own, target, known)
        return
    if not entry.mirrors:
        raise UsageError(f"{own}: not found; put there {entry.by_hand}")
    cached = project_root() / ".pgpipe" / "downloads" / place.name / name
    try:
        with place.watch(name, known.size) as report:
            fetch([f"{mirror}{name}" for mirror in entry.mirrors], cached, known, report)
    except NetworkError as error:
        raise NetworkError(f"{error}; or put {name} into dataset.path ({place.path})") from None
    link_or_copy(cached, target)


def take(place: Place, source: Path, target: Path, known: Wanted) -> None:
    """Copy, or link, one of the user's files, if it is the wanted one."""
    if place.linked:
        require(source, known, str(source))
        target.symlink_to(source.absolute())
    else:
        copy(source, target, known)


def own(place: Place, *patterns: str) -> None:
    """The user's files that fit a pattern: `path` itself, or those of the folder `path`.

    Those that the catalogue knows are verified.

    Raises:
        UsageError: there are none.
        IntegrityError: one is another file than was published.
    """
    path = place.path
    if path.is_file():
        found = [path] if any(path.match(pattern) for pattern in patterns) else []
    else:
        found = sorted({file for pattern in patterns for file in path.glob(pattern)})
    if not found:
        raise UsageError(f"{path}: no {' or '.join(patterns)}; put there {by_hand(place.name)}")
    for file in found:
        take(place, file, place.raw / file.name, verified(place.name, file.name))


def verified(data_set: str, file: str) -> Wanted:
    """What is known of a file by its name; nothing, where it is the user's own."""
    return wanted(entries()[data_set].files.get(file, Published()))


def by_hand(data_set: str) -> str:
    """What the user puts at dataset.path."""
    return entries()[data_set].by_hand
