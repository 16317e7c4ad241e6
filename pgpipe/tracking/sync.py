"""Replaying every spool into the store: for a store that was away, or lost, or is another one."""

import os
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from pgpipe.errors import IntegrityError, NetworkError, PgpipeError, UsageError
from pgpipe.plumbing.terminal import counted, warn
from pgpipe.plumbing.unwritable import refusal
from pgpipe.tracking.push import Pushed, push
from pgpipe.tracking.spool import (
    DAMAGED,
    METRICS_FILE,
    RUN_FILE,
    SpoolDamaged,
    move_to_experiment,
    read_run,
    runs_folder,
)
from pgpipe.tracking.store import ExperimentDeleted, require_store
from pgpipe.tracking.troubles import AGAIN, StoreAway, StoreTrouble

DAMAGE_CURE = "a stage of the same run writes it anew, and pgpipe sync sends the rest"
LOCKED = "database is locked"  # what SQLite says after waiting for another process
NAMED = 5  # runs that a line names, at most


class Synced(NamedTuple):
    """How many runs there are, how much the store lacked, and how many were deleted there."""

    runs: int
    points: int
    artifacts: int
    deleted: int = 0


class Failure(NamedTuple):
    """A run that was not sent, or not wholly, and why."""

    name: str
    reason: str
    kind: type[PgpipeError]


def sync(experiment: str = "") -> Synced:
    """Make the store equal to all spools of this project; each is tried, whatever the others do.

    A run whose experiment was deleted in the store goes to `experiment`, where that is another.

    Raises:
        PgpipeError: the store cannot be used, or refuses some runs, or a spool is damaged; its
            exit code is 7 where the same command later is all that it takes.
    """
    if trouble := trouble_with_store():
        kept = f"; the runs stay in {runs_folder()}"
        raise trouble.kind(f"{trouble}{kept}, {AGAIN}" if is_away(trouble) else f"{trouble}{kept}")
    folders, pushed, failures = spools(), list[Pushed](), list[Failure]()
    for folder in folders:
        try:
            pushed.append(push_somewhere(folder, experiment))
        except (StoreTrouble, SpoolDamaged, PgpipeError) as trouble:
            failures.append(failure(folder, trouble))
            if is_away(trouble) and (LOCKED in str(trouble) or trouble_with_store()):
                break  # it went away meanwhile, or each run would wait as long as this one
    if failures:
        raise summed_up(
            failures, f"{len(pushed)} of {counted(len(folders), 'run', verb=True)} in the store"
        )
    return Synced(
        runs=len(pushed),
        points=sum(p.points for p in pushed),
        artifacts=sum(p.artifacts for p in pushed),
        deleted=sum(p.deleted for p in pushed),
    )


def spools() -> list[Path]:
    """The folders of all runs, but for those whose description was set aside.

    Raises:
        UsageError: they cannot be listed.
    """
    root = runs_folder()
    try:
        folders = sorted(root.iterdir()) if root.exists() else []
        return [f for f in folders if is_spool(f)]
    except OSError as error:
        place = Path(error.filename)
        raise refusal(error, place) or UsageError(f"{place}: {error.strerror}") from None


def is_spool(folder: Path) -> bool:
    """Whether a folder holds a run that can be sent, or damage that nobody was told of yet."""
    description = folder / RUN_FILE
    untold = not os.path.lexists(folder / f"{RUN_FILE}{DAMAGED}")
    return os.path.lexists(description) or ((folder / METRICS_FILE).exists() and untold)


def push_somewhere(folder: Path, experiment: str) -> Pushed:
    """Push a spool; to `experiment`, where its own was deleted."""
    try:
        return push(folder)
    except ExperimentDeleted:
        if experiment in ("", read_run(folder).experiment):
            raise
        move_to_experiment(folder, experiment)
        return push(folder)


def trouble_with_store() -> StoreTrouble | None:
    """Why the store takes nothing at all; None where it answers."""
    try:
        require_store()
    except StoreTrouble as trouble:
        return trouble
    return None


def is_away(trouble: Exception) -> bool:
    """Whether the same again later is all that it takes."""
    return isinstance(trouble, StoreAway)


def failure(folder: Path, trouble: StoreTrouble | SpoolDamaged | PgpipeError) -> Failure:
    """What is told of a run that was not sent."""
    try:
        name = f"{read_run(folder).name} ({folder.name})"
    except (SpoolDamaged, PgpipeError):
        name = folder.name
    if isinstance(trouble, SpoolDamaged):
        return Failure(name, f"{trouble}; {DAMAGE_CURE}", IntegrityError)
    kind = trouble.kind if isinstance(trouble, StoreTrouble) else type(trouble)
    return Failure(name, f"{trouble}; {AGAIN}" if is_away(trouble) else str(trouble), kind)


def summed_up(failures: list[Failure], rest: str) -> PgpipeError:
    """One error for all failures; where reasons differ, each is a line on stderr before it."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, reason, _ in failures:
        names[reason].append(name)
    lines = [f"{listed(of)}: {reason}" for reason, of in names.items()]
    kind = next((f.kind for f in failures if f.kind is not NetworkError), NetworkError)
    if len(lines) == 1:
        return kind(f"{lines[0]}; {rest}")
    for line in lines:
        warn(line)
    return kind(f"{len(failures)} runs were not sent, or not wholly, as said above; {rest}")


def listed(names: list[str]) -> str:
    """Some names in words."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"run{'s' if len(names) > 1 else ''} {', '.join(names[:NAMED])}{more}"
