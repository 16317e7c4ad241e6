"""Locks between processes and threads, by filelock (flock): one ends with its holder, however.

A lock file stays where it is. Processes forked while a lock is held do not share it.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pgpipe.errors import LockedError

POLL_SECONDS = 0.02


def waiting(file: Path, sign: bool = False) -> AbstractContextManager[object]:
    """Take a lock for a block, as soon as nobody else holds it.

    Args:
        file: the lock, made if need be.
        sign: write the number of this process into it.
    """
    return FileLock(
        file,
        poll_interval=POLL_SECONDS,
        fallback_to_soft=False,
        on_acquired=write_pid if sign else None,
    )


def taken(file: Path, sign: bool = False) -> AbstractContextManager[object] | None:
    """Take a lock now, for a block that begins at once; return None where another holds it.

    Args:
        file: the lock, made if need be.
        sign: write the number of this process into it.
    """
    try:
        return FileLock(
            file, blocking=False, fallback_to_soft=False, on_acquired=write_pid if sign else None
        ).acquire()
    except Timeout:
        return None


@contextmanager
def alone(file: Path, told: Callable[[int], str]) -> Iterator[None]:
    """Hold a lock, which names this process, while the block runs.

    Args:
        file: the lock, made if need be.
        told: the message about its holder, of its process id.

    Raises:
        LockedError: a live process holds it.
    """
    if (lock := taken(file, sign=True)) is None:
        raise LockedError(told(first_number(file)))
    with lock:
        yield


def is_held(file: Path) -> bool:
    """Return whether a live process holds a lock, which may never have been made."""
    if not file.exists():
        return False
    if (lock := taken(file)) is None:
        return True
    with lock:
        return False


def write_pid(descriptor: int) -> None:
    """Have an open file hold the number of this process."""
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())


def first_number(file: Path) -> int:
    """Return the process id that a file holds; 0 where it holds none."""
    found = re.search(r"\d+", file.read_text(errors="replace")) if file.exists() else None
    return int(found[0]) if found else 0
