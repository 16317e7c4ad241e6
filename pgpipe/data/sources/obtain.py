"""The files of a data set into data/raw: the user's own, those fetched before, or a mirror's.

What is fetched stays under .pgpipe/downloads of the main checkout, so that experiments share it and
an interrupted download goes on, though DVC empties data/raw before each run.
"""

from collections.abc import Callable
from pathlib import Path

from pgpipe.data.reading import tars
from pgpipe.data.sources import identity, unverified, users_files
from pgpipe.data.sources.catalogue import Published, entries
from pgpipe.data.sources.identity import wanted
from pgpipe.data.sources.source import Place
from pgpipe.errors import IntegrityError, NetworkError, UsageError
from pgpipe.plumbing.fetch.mirrors import fetch
from pgpipe.plumbing.files import copy, link_or_copy
from pgpipe.plumbing.project import project_root


def published(place: Place) -> None:
    """All files that the catalogue names, verified.

    Raises:
        UsageError: one has to be fetched by hand, and is not there.
        IntegrityError: one is another file than was published.
        NetworkError: one is neither there nor can be fetched.
    """
    for name, file in entries()[place.name].files.items():
        obtain(place, name, file)


def obtain(place: Place, name: str, file: Published) -> None:
    """One file, from the first place that has it."""
    entry, target = entries()[place.name], place.raw / name
    if (own := users_files.copy_of(place.path, name, file)) is not None:
        take(place, own, target, file)
        return
    if not entry.mirrors:
        raise UsageError(f"{place.path / name}: not found; put there {entry.by_hand}")
    cached = project_root() / ".pgpipe" / "downloads" / place.name / name
    try:
        with place.watch(name, file.size) as report:
            fetch([f"{mirror}{name}" for mirror in entry.mirrors], cached, wanted(file), report)
    except NetworkError as error:
        raise NetworkError(f"{error}; or put {name} into dataset.path ({place.path})") from None
    link_or_copy(cached, target)


def take(place: Place, source: Path, target: Path, file: Published) -> None:
    """Copy, or link, one of the user's files, if it is the published one."""
    accept(place, source, file)
    if source.is_dir():
        tars.pack(source, target)
    elif place.linked:
        target.symlink_to(source.absolute())
    else:
        copy(source, target)


def accept(place: Place, source: Path, file: Published) -> None:
    """Raise an IntegrityError where a file is another than published; or note it."""
    try:
        identity.require(source, file)
    except IntegrityError as error:
        if place.verify:
            raise IntegrityError(f"{error}; dataset.verify: false takes it all the same") from None
        unverified.note(place.raw, f"dataset.verify is false, and so was taken: {error}")


def own(place: Place, *patterns: str) -> None:
    """The user's files that fit a pattern: `path` itself, or those of the folder `path`.

    Those that the catalogue knows are verified.

    Raises:
        UsageError: there are none.
        IntegrityError: one is another file than was published.
    """
    found = users_files.matching(place.path, *patterns)
    if not found:
        missing = " or ".join(patterns)
        raise UsageError(f"{place.path}: no {missing}; put there {by_hand(place.name)}")
    for file in found:
        take(place, file, place.raw / file.name, verified(place.name, file.name))


def taken(*patterns: str) -> Callable[[Place], None]:
    """A fetch of the user's files that fit a pattern."""
    return lambda place: own(place, *patterns)


def verified(data_set: str, file: str) -> Published:
    """What is known of a file by its name; nothing, where it is the user's own."""
    return entries()[data_set].files.get(file, Published())


def by_hand(data_set: str) -> str:
    """What the user puts at dataset.path."""
    return entries()[data_set].by_hand
