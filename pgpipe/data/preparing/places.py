"""Folders for unfinished work, each held by one live process, by a lock that dies with it."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

from pgpipe.plumbing import locks

LOCK = "lock"


@contextmanager
def own(root: Path, key: str) -> Iterator[Path]:
    """The first folder `root/<key>-<n>` that no other live process holds; it may have content.

    So a second process with the same key, at the same time, has a folder of its own.
    """
    for number in count():
        folder = root / f"{key}-{number}"
        if (lock := taken(folder)) is not None:
            with lock:
                yield folder
            return


def taken(folder: Path) -> AbstractContextManager[object] | None:
    """Take the lock of a folder, made if need be; None where a live process holds or removes it."""
    try:
        return locks.taken(folder / LOCK)
    except FileNotFoundError:
        return None


def remove_abandoned(root: Path) -> None:
    """Remove the folders below `root` that nobody holds."""
    for folder in root.iterdir():
        if (lock := taken(folder)) is not None:
            with lock:
                shutil.rmtree(folder)
