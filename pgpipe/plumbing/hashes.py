"""What content is known by: SHA-256, in hexadecimal."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


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
