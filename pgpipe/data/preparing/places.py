"""Folders for unfinished work, each held by one live process, by a lock that dies with it."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO

LOCK = "lock"


@contextmanager
def own(root: Path, key: str) -> Iterator[Path]:
    """The first folder `root/<key>-<n>` that no other live process holds; it may have content.

    So a second process with the same key, at the same time, has a folder of its own.
    """
    for number in count():
        folder = root / f"{key}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        if (lock := taken(folder)) is not None:
            with lock:
                yield folder
            return


def taken(folder: Path) -> IO[str] | None:
    """The lock of a folder, or None where a live process holds it or has just removed it.

    A lock of the process, which its children do not share: they may outlive it by a moment.
    """
    try:
        file = (folder / LOCK).open("w")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), (folder / LOCK).stat()):
                return file
        except BlockingIOError:
            pass
        file.close()
    except FileNotFoundError:
        pass
    return None


def remove_abandoned(root: Path) -> None:
    """Remove the folders below `root` that nobody holds."""
    for folder in root.iterdir():
        if (lock := taken(folder)) is not None:
            shutil.rmtree(folder)
            lock.close()
