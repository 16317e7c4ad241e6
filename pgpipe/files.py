"""Durable files: written whole or not at all, and known by their hash.

A write goes to a temporary name, is synced, renamed, and its folder synced, so that a reader sees
the old content or the new one, whenever the process dies.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pgpipe.errors import ResourceError

CHUNK_BYTES = 1 << 20


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes its name only when the block ends without an exception."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise_if_full(error, path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` as the whole of `path`, atomically."""
    with atomic(path) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON that people and `git diff` can read."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file of our own."""
    return json.loads(path.read_text(encoding="utf-8"))


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def raise_if_full(error: OSError, path: Path) -> None:
    """Turn "no space left" into the user's error, naming the place and what is free."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        folder = next(p for p in [path, *path.parents] if p.exists())
        free = shutil.disk_usage(folder).free / 1e6
        raise ResourceError(f"{path}: the disk is full ({free:.0f} MB free); free some and rerun")


def folder_for_much() -> Path:
    """Where large temporary files lie: `TMPDIR` if set, else the project, if it may be written to.

    The system's temporary folder, which is the last resort, is memory on many machines.
    """
    root = project_root()
    elsewhere = "TMPDIR" in os.environ or not os.access(root, os.W_OK)
    return Path(tempfile.gettempdir()) if elsewhere else root


def link_or_copy(source: Path, target: Path) -> None:
    """Give `source` a second name, or copy it where links are not possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with source.open("rb") as reader, atomic(target) as writer:
            shutil.copyfileobj(reader, writer, CHUNK_BYTES)


def fresh_folder(path: Path) -> Path:
    """An empty folder at `path`, whatever stood there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def sha256(data: bytes) -> str:
    """The hash of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """The hash of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """The hash of a value's canonical JSON form."""
    return sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def sha256_tree(root: Path, keep: Callable[[Path], bool] = lambda _: True) -> str:
    """The hash of all files under `root` (or of the file `root`), names and contents."""
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
    return sha256_json([[str(p.relative_to(root)), sha256_file(p)] for p in files if keep(p)])


def project_root() -> Path:
    """The folder that holds `.dvc`: the main checkout, also inside an experiment's workspace."""
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"])
    here = Path.cwd()
    return next((p for p in [here, *here.parents] if (p / ".dvc").is_dir()), here)
