"""What cannot be written, as the user's error."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgpipe.errors import ResourceError, UsageError


@contextmanager
def naming_full_disk(path: Path, size: int = 0) -> Iterator[None]:
    """Have a full disk be the user's error about `path`, which takes `size` bytes if known."""
    try:
        yield
    except OSError as error:
        raise_if_full(error, path, size)
        raise


def raise_if_full(error: OSError, path: Path, size: int = 0) -> None:
    """Turn "no space left" into the user's error: the place, what it needs if known, what is free.

    Raises:
        ResourceError: `error` says that the disk, or the user's share of it, is full.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        folder = next(p for p in [path, *path.parents] if p.exists())
        needed = f"{size:,} bytes needed, " if size else ""
        free = shutil.disk_usage(folder).free
        raise ResourceError(
            f"{path}: the disk is full ({needed}{free:,} free); free some and rerun"
        ) from None


@contextmanager
def naming_option(option: str, path: Path) -> Iterator[None]:
    """Have it be the user's error about an option, where `path`, its value, cannot be written.

    Raises:
        UsageError: for instance no permission, or a file where a folder has to be.
    """
    try:
        yield
    except OSError as error:
        raise_if_full(error, path)
        raise UsageError(f"{option}: {path}: {error.strerror}") from None
