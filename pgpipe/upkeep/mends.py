"""What a kill can leave in files of DVC and of ours, and how each is mended.

Each function finds damage of one kind and yields a `Mend` for it. What is damaged goes to
`.pgpipe/damaged`.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pgpipe.errors import IntegrityError
from pgpipe.experiments import revisions
from pgpipe.plumbing.files import UNFINISHED, is_litter, write_bytes
from pgpipe.upkeep import lockfile
from pgpipe.upkeep.claims import Fault, shown
from pgpipe.upkeep.live import RWLOCKS, entries

DAMAGED = Path(".pgpipe/damaged")
DVC_TEMPORARY = re.compile(r".*\.[\w-]{22}\.tmp")  # as dvc_objects names it
UNSEARCHED = {".git", ".venv", "__pycache__"}


class Mend(NamedTuple):
    """What was found and will be done, in one line; and doing it."""

    line: str
    do: Callable[[], object]


def set_aside(root: Path, path: Path) -> Path:
    """Move a file to the damaged ones; where it is then."""
    folder = root / DAMAGED
    folder.mkdir(parents=True, exist_ok=True)
    number = sum(1 for _ in folder.iterdir())
    return Path(shutil.move(path, folder / f"{number:03d}-{path.parent.name}-{path.name}"))


def rwlocks(root: Path) -> Iterator[Mend]:
    """DVC refuses an empty one, and waits for dead processes whose pids others have now."""
    for name in RWLOCKS:
        file = root / name
        if not file.exists():
            continue
        pids = sorted({pid for pid, _ in entries(file)})
        if pids:
            yield Mend(f"{name}: names dead processes {pids}; removed", file.unlink)
        elif not is_json(file):
            yield Mend(f"{name}: not JSON; removed", file.unlink)


def dvc_lock(root: Path) -> Iterator[Mend]:
    """The committed dvc.lock stands in; without one, results come from DVC's run cache."""
    try:
        lockfile.read(root)
    except IntegrityError as error:
        committed = revisions.read("HEAD", lockfile.LOCK_FILE)
        cure = "the committed one restored" if committed else "removed; run dvc repro"
        do = partial(replace_lock, root, committed)
        yield Mend(f"{error}; set aside, {cure}", do)


def replace_lock(root: Path, content: bytes | None) -> None:
    """Put `content` in the place of dvc.lock, which is set aside."""
    set_aside(root, root / lockfile.LOCK_FILE)
    if content:
        write_bytes(root / lockfile.LOCK_FILE, content)


def litter(root: Path, cache: Path) -> Iterator[Mend]:
    """Temporary files of dead processes, ours and DVC's."""
    for place in [root] if cache.is_relative_to(root) else [root, cache]:
        for file in temporary(place):
            yield Mend(f"{shown(file)}: temporary file left; removed", file.unlink)


def temporary(place: Path) -> Iterator[Path]:
    """Files below `place` that were to be renamed, by processes that are no more."""
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if name not in UNSEARCHED]
        yield from (file for name in names if is_left(file := Path(folder, name)))


def is_left(file: Path) -> bool:
    """Whether a file was to be renamed by a process that is no more."""
    if fnmatch(file.name, UNFINISHED):
        return is_litter(file)
    return DVC_TEMPORARY.fullmatch(file.name) is not None


def cache_objects(root: Path, cache: Path, faults: list[Fault]) -> Iterator[Mend]:
    """Objects whose content is not what their names say; and outputs that are the same files."""
    bad = {f.inode: f for f in faults if f.inode and f.claim.path.is_relative_to(cache)}
    for fault in bad.values():
        yield Mend(f"{fault}; set aside", partial(set_aside, root, fault.claim.path))
    for fault in faults:
        path = fault.claim.path
        if fault.inode in bad and not path.is_relative_to(cache):
            yield Mend(f"{shown(path)}: the same file; removed, run dvc repro", path.unlink)


def is_json(file: Path) -> bool:
    """Whether a file can be read as JSON."""
    try:
        content: Any = json.loads(file.read_bytes())
    except ValueError:
        return False
    return content is not None
