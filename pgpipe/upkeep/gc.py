"""What `.pgpipe` keeps of work that nothing leads to any more: named, and removed.

States are named by all that determines them, so each edit of a loss leaves some behind. Kept are
those that a live process holds, those that the current folder's parameters, code and data name, and
those of experiments that DVC still has or that wait in its queue; and whatever was used of late.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pgpipe.config import PARAMS_FILE, load_yaml, read_params
from pgpipe.data.preparing import places
from pgpipe.errors import IntegrityError, LockedError, UsageError
from pgpipe.experiments.executors import all_tasks
from pgpipe.experiments.queue import dvc_repo
from pgpipe.experiments.revisions import experiment_refs
from pgpipe.training.auto import Asked, here
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.start import PLATFORM_DIGITS
from stages import train

DAY = 24 * 60 * 60  # seconds


class Found(NamedTuple):
    """A folder that nothing leads to: its size in bytes, and the days since it was used."""

    folder: Path
    size: int
    days: float


def collect(root: Path, days: float, dry_run: bool) -> Iterator[Found]:
    """Yield what nothing leads to and nobody used for so many days; remove it.

    Args:
        root: of the project.
        days: since the last use.
        dry_run: remove nothing.
    """
    named, experiments = named_here(), names_of_experiments()
    for states in sorted(folders(root / ".pgpipe/state")):
        if states.name[:-PLATFORM_DIGITS] in named or StateFolder(states).users() & experiments:
            continue
        found = measured(states)
        if found.days >= days and removed(found, dry_run):
            yield found
    for unfinished in sorted(folders(root / ".pgpipe/prepare")):
        found = measured(unfinished)
        if found.days >= days and (lock := places.taken(unfinished)) is not None:
            with lock:
                if not dry_run:
                    shutil.rmtree(unfinished)
            yield found


def named_here() -> set[str]:
    """Return the names of the states that the current folder would use, on any platform."""
    names, machine = set(), here(read_params(Asked))
    for key in load_yaml(PARAMS_FILE)["growth"]["phases"]:
        params = read_params(train.Params, key)
        try:
            section = machine.settled(params.train)
            name = train.states_of(key, section, params.phase).folder.name
        except (UsageError, IntegrityError):
            continue  # what it would start from is not there yet
        names.add(name[:-PLATFORM_DIGITS])
    return names


def names_of_experiments() -> set[str]:
    """Return the names of the experiments that DVC has, or that wait or run."""
    with dvc_repo() as repo:
        queued = {task.name for task in all_tasks(repo)}
    return queued | {ref.name for ref in experiment_refs()}


def removed(found: Found, dry_run: bool) -> bool:
    """Remove states, unless a live process holds them; return whether none does."""
    try:
        with StateFolder(found.folder).locked():
            if not dry_run:
                shutil.rmtree(found.folder)
    except LockedError:
        return False
    return True


def measured(folder: Path) -> Found:
    """Return a folder with its size, and its age since any file of it was written or used."""
    stats = [folder.stat()]
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a live training drops its older states meanwhile
            stats.append(path.stat())
    last = max(stat.st_mtime for stat in stats)
    return Found(folder, sum(stat.st_size for stat in stats), (time.time() - last) / DAY)


def folders(root: Path) -> Iterable[Path]:
    """Return the folders in a folder, which may not be there."""
    return [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
