"""SHA-256 of a user's files, kept by size and time of change, so that much is hashed once.

    {"a.png": [size, time of content, time of change, inode, SHA-256], ...}

The time of change cannot be set back, as that of the content can. What changed just before it was
hashed is hashed again the next time: within one tick of the file system's clock, two contents have
the same time.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pgpipe.plumbing.files import CHUNK_BYTES, write_bytes

TICK_NS = 2 * 10**9  # of the coarsest clock of a file system

Watch = Callable[[int], AbstractContextManager[Callable[[int], None]]]  # of bytes to read, read


def hashes(files: Mapping[str, Path], memory: Path, watch: Watch) -> dict[str, tuple[int, str]]:
    """Return size in bytes and SHA-256 of each file, by its name.

    The file `memory` keeps them, also where this is cut short. `watch` is told how many bytes are
    to be read, and the context that it opens, again and again, how many more were.
    """
    before = remembered(memory)
    states = {name: state_of(file) for name, file in files.items()}
    kept = {
        name: before[name] for name, state in states.items() if before.get(name, [])[:-1] == state
    }
    found = {name: str(row[-1]) for name, row in kept.items()}
    missing = [name for name in states if name not in kept]
    try:
        with watch(sum(states[name][0] for name in missing)) as report:
            for name in missing:
                start = time.time_ns()
                found[name] = sha256_watched(files[name], report)
                if is_settled(states[name], start) and state_of(files[name]) == states[name]:
                    kept[name] = [*states[name], found[name]]
    finally:
        if kept != before:
            write_bytes(memory, json.dumps(kept).encode())
    return {name: (state[0], found[name]) for name, state in states.items()}


def remembered(memory: Path) -> dict[str, list[Any]]:
    """What an earlier look has kept; nothing where that cannot be read."""
    try:
        kept: dict[str, list[Any]] = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return kept


def state_of(file: Path) -> list[int]:
    """What changes where a file is changed or replaced: size, times, inode."""
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def is_settled(state: list[int], now: int) -> bool:
    """Whether a change from `now` on gives a file another time than it has."""
    return max(state[1:3]) + TICK_NS < now


def sha256_watched(file: Path, report: Callable[[int], None]) -> str:
    """The SHA-256 of a file's content; `report` is told of each chunk how many bytes it has."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
            report(len(chunk))
    return digest.hexdigest()
