"""Durable files: written whole or not at all.

A write goes to a temporary name, is synced, renamed, and its folder synced, so that a reader sees
the old content or the new one, whenever the process dies.
"""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pgpipe.errors import UsageError
from pgpipe.plumbing.unwritable import raise_if_full, refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_BYTES = 1 << 20
UNFINISHED = ".*.pgpipe.tmp"  # what `atomic` names files until they are complete


@contextmanager
def atomic(path: Path, size: int = 0) -> Iterator[BinaryIO]:
    """A binary file that takes its name only when the block ends without an exception.

    Its `size` in bytes, where that is known before, is reserved before anything is written. Its
    temporary name is a function of `path`, so what a killed process left there is overwritten; a
    lock, which dies with the process, keeps the next writer waiting.

    Raises:
        ResourceError: the disk is full; `path` is as it was.
    """
    require_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.pgpipe.tmp")) as file:
        temporary = Path(file.name)
        try:
            file.truncate(0)
            reserve(file, size)
            yield file
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise_if_full(error, path, size)
            raise


def require_replaceable(path: Path) -> None:
    """Raise UsageError where a name is no file's: a folder's, a device's, that of an open pipe."""
    if not path.name or path.is_dir():
        raise UsageError(f"{path}: a folder where a file has to be; move it away, or name a file")
    folder = path.parent.resolve()
    of_system = folder == Path("/dev") or Path("/proc") in [folder, *folder.parents]
    if of_system or (path.exists() and not path.is_file()):
        raise UsageError(f"{path}: a device or pipe, where a file has to be; name another")


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """A file for writing that no other process or thread has like this; waits for its turn."""
    while True:
        with open(path, "wb", opener=kept) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if is_named(file, path):  # and not renamed while this one waited
                yield file
                return


def kept(path: str, flags: int) -> int:
    """Open a file that may be another's, whose content stays."""
    return os.open(path, flags & ~os.O_TRUNC, 0o666)


def is_named(file: BinaryIO, path: Path) -> bool:
    """Whether an open file is what has this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def is_litter(path: Path) -> bool:
    """Whether a file of such a name was left by a process that is no more."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):  # just now complete
        return False
    return True


def reserve(file: BinaryIO, size: int) -> None:
    """Have the disk set `size` bytes aside for an open file, which is then at least as long.

    Else a disk that fills up is found out in the middle of writing, or, where the file is mapped,
    by a SIGBUS. File systems that cannot reserve are left alone.
    """
    try:
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` as the whole of `path`, atomically."""
    with atomic(path, len(data)) as file:
        file.write(data)


def write_array(path: Path, array: "NDArray[Any]") -> None:
    """Write `array` as numpy's .npy, atomically; of a full disk np.save itself says no errno."""
    from numpy.lib import format as npy  # most of what uses this module does without numpy

    with atomic(path, array.nbytes) as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
        file.write(array.tobytes("A"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON that people and `git diff` can read."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def link_or_copy(source: Path, target: Path) -> None:
    """Give `source` a second name, or copy it where links are not possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        copy(source, target)


def copy(source: Path, target: Path) -> None:
    """Copy the content of `source`, atomically."""
    with source.open("rb") as reader, atomic(target, source.stat().st_size) as writer:
        shutil.copyfileobj(reader, writer, CHUNK_BYTES)


def fresh_folder(path: Path) -> Path:
    """An empty folder at `path`, whatever stood there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    try:
        if path.exists():
            shutil.rmtree(path)
    except OSError as error:  # which names what is in the folder as if it were here
        raise refusal(error, path) or error from None
    path.mkdir(parents=True)
    return path
