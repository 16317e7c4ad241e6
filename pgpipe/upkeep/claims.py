"""Claims about files, each a hash that somebody stated, and finding out which do not hold."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from pgpipe.plumbing.files import CHUNK_BYTES


class Claim(NamedTuple):
    """`source` says that the file at `path` has this hash; `algorithm`: md5 or sha256."""

    path: Path
    algorithm: str
    wanted: str
    source: str


class Fault(NamedTuple):
    """A claim that does not hold, and what was found; `inode` is None where there is no file."""

    claim: Claim
    found: str
    inode: tuple[int, int] | None

    def __str__(self) -> str:
        path, algorithm, wanted, source = self.claim
        if self.inode is None:
            return f"{shown(path)}: {self.found} (named by {source})"
        return f"{shown(path)}: its {algorithm.upper()} is {self.found}, not {wanted} of {source}"


def shown(path: Path) -> Path:
    """A path as a user names it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


class Examined(NamedTuple):
    """How much was read, and what does not hold."""

    files: int
    size: int  # bytes
    faults: list[Fault]


def examine(claims: Iterable[Claim], report: Callable[[int], object]) -> Examined:
    """Test claims, each file read once, whatever its names; tells `report` the bytes read."""
    by_inode: dict[tuple[int, int], list[Claim]] = defaultdict(list)
    faults, size = [], 0
    for claim in dict.fromkeys(claims):
        if claim.path.is_file():
            stat = claim.path.stat()
            by_inode[stat.st_dev, stat.st_ino].append(claim)
        else:
            found = "not a file" if claim.path.exists() else "missing"
            faults.append(Fault(claim, found, None))
    for inode, some in by_inode.items():
        found_of, length = digests(some[0].path, {c.algorithm for c in some}, size, report)
        size += length
        faults += [Fault(c, f, inode) for c in some if (f := found_of[c.algorithm]) != c.wanted]
    return Examined(len(by_inode), size, faults)


def digests(
    path: Path, algorithms: Iterable[str], before: int, report: Callable[[int], object]
) -> tuple[dict[str, str], int]:
    """Hashes of a file in one pass, and its length; `before` bytes were read of other files."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    length = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            for each in hashes.values():
                each.update(chunk)
            length += len(chunk)
            report(before + length)
    return {name: each.hexdigest() for name, each in hashes.items()}, length
