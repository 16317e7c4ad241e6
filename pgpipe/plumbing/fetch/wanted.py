"""What a file has to be, and files that turn out to be another."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.plumbing.files import copy as copy_file
from pgpipe.plumbing.hashes import sha256_file


class Wanted(NamedTuple):
    """A file as its publisher describes it; "" and 0: nothing is said."""

    sha256: str = ""
    md5: str = ""  # against damage, not against malice; unread where there is a sha256
    size: int = 0  # bytes
    most: int = 0  # bytes, where only so much is known of the size

    @property
    def has_hash(self) -> bool:
        """Whether a wrong file would be found out."""
        return bool(self.sha256 or self.md5)


def require(path: Path, wanted: Wanted, source: str) -> None:
    """Raise an IntegrityError about `source` where `path` is another file than wanted."""
    size = path.stat().st_size
    if wanted.size and size != wanted.size:
        raise IntegrityError(f"{source}: {size} bytes, not {wanted.size}")
    if wanted.sha256:
        found, kind, stated = sha256_file(path), "SHA-256", wanted.sha256
    elif wanted.md5:
        found, kind, stated = md5_file(path), "MD5", wanted.md5
    else:
        return
    if found != stated:
        raise IntegrityError(f"{source}: its {kind} is {found}, not {stated}")


def md5_file(path: Path) -> str:
    """The MD5 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest()


def copy(source: Path, target: Path, wanted: Wanted) -> None:
    """Make `target` a copy of `source`, if that is the wanted file."""
    if not source.is_file():
        raise UsageError(f"{source}: no such file")
    require(source, wanted, str(source))
    copy_file(source, target)
