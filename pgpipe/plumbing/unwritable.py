"""What the system refuses, as the user's error: no room, no right, no such kind of place."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgpipe.errors import IntegrityError, LockedError, PgpipeError, ResourceError, UsageError

FULL = (errno.ENOSPC, errno.EDQUOT)
SHORT_OF = {
    errno.EFBIG: "larger than a file may be here; raise the limit (ulimit -f)",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n)",
    errno.ENFILE: "too many open files on this machine; end other programs",
    errno.ENOMEM: "out of memory",
    errno.EAGAIN: "too many processes or threads; raise the limit (ulimit -u), or end others",
    errno.EIO: "the disk does not read or write this (input/output error); look at the disk",
    errno.ESTALE: "the file system has lost it; mount it again",
}
WRONG_PLACE = {
    errno.EACCES: "permission denied; make it, and its folder, readable and writable for you",
    errno.EPERM: "operation not permitted; make it, and its folder, readable and writable for you",
    errno.EROFS: "the file system is read-only; use a place that can be written to",
    errno.ENAMETOOLONG: "the name is too long; use a shorter path",
    errno.ENOTDIR: "a file where a folder has to be; move it away",
    errno.EISDIR: "a folder where a file has to be; move it away",
    errno.ELOOP: "links that lead in a circle; mend or remove them",
    errno.ENXIO: "no file that can be read; move it away",
    errno.EBUSY: "in use, or a place where something is mounted; use another one",
    errno.ETXTBSY: "a program that runs; use another place",
    errno.ENOLCK: "the file system has no locks; use a local disk",
    errno.ENOSYS: "the file system cannot do this; use a local disk",
}
SHORT_WRITE = "requested and "  # numpy says no errno
DATABASE: dict[str, type[PgpipeError]] = {
    "unable to open": UsageError,
    "readonly": UsageError,
    "locked": LockedError,
    "I/O error": ResourceError,
    "full": ResourceError,
}  # what SQLite says; else the file is damaged


def refusal(error: OSError, path: Path, size: int = 0) -> PgpipeError | None:
    """Return the user's error that a refusal of the system is; None for what may be a bug of ours.

    What is not found is none: it may be a name that we made up.

    Args:
        error: the refusal.
        path: what it is about.
        size: bytes that were to be written there, if known.
    """
    if error.errno in FULL:
        folder = next((p for p in [path, *path.parents] if os.path.exists(p)), Path())  # noqa: PTH110
        needed = f"{size:,} bytes needed, " if size else ""
        free = shutil.disk_usage(folder).free
        return ResourceError(
            f"{path}: the disk is full ({needed}{free:,} free); free some and rerun"
        )
    if error.errno is None and SHORT_WRITE in str(error):
        return ResourceError(f"{path}: not written whole: the disk is full, or limited (ulimit -f)")
    if error.errno == errno.EEXIST and not os.path.isdir(path):  # noqa: PTH112
        return UsageError(f"{path}: {WRONG_PLACE[errno.ENOTDIR]}")
    if error.errno in SHORT_OF:
        return ResourceError(f"{path}: {SHORT_OF[error.errno]}")
    return UsageError(f"{path}: {WRONG_PLACE[error.errno]}") if error.errno in WRONG_PLACE else None


def refusal_of_database(error: Exception) -> PgpipeError:
    """Return the user's error that one of SQLite's is: of those that DVC keeps."""
    text = str(error)
    kind = next((kind for words, kind in DATABASE.items() if words in text), IntegrityError)
    return kind(f"a database of DVC's (.dvc/tmp, or core.site_cache_dir of dvc config): {text}")


@contextmanager
def naming_full_disk(path: Path, size: int = 0) -> Iterator[None]:
    """Have a full disk be the user's error about `path`, which takes `size` bytes if known."""
    try:
        yield
    except OSError as error:
        raise_if_full(error, path, size)
        raise


def raise_if_full(error: OSError, path: Path, size: int = 0) -> None:
    """Turn a lack of room into the user's error: the place, what it needs if known, what is free.

    Raises:
        ResourceError: `error` says that the disk, or the user's share of it, is full, or that a
            file may not be as large.
    """
    if error.errno in (*FULL, errno.EFBIG) and (told := refusal(error, path, size)):
        raise told from None


@contextmanager
def naming_option(option: str, path: Path) -> Iterator[None]:
    """Have it be the user's error about an option, where `path`, its value, cannot be written."""
    try:
        yield
    except OSError as error:
        told = refusal(error, path) or UsageError(f"{path}: {error.strerror}")
        raise type(told)(f"{option}: {told}") from None
