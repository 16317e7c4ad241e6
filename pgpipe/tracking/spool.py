"""The local spool: one run, complete, from which a store can be filled again at any time.

    .pgpipe/runs/KEY/run.json                  what it is: a `Run`
                     metrics.jsonl             a `Point` a line, in the order of logging
                     artifacts/FOLDER/FILE     copies: an experiment's workspace disappears
                     pushed.json               what the store has; losing it costs time only

The stages of a run append one after another or at once, each in its own process, under a lock.
The first value of a metric at a step stays, so that a repeated stage adds nothing. A killed
process may leave a torn line: readers skip it, and the next writer starts a line of its own. A
file that is damaged is set aside as `NAME.damaged` by whoever meets it, and named once. Without its
description a spool waits for the next stage of its run, which writes a new one.
"""

import errno
import math
import os
import posixpath
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from pgpipe.config import Section
from pgpipe.errors import PgpipeError
from pgpipe.plumbing import locks
from pgpipe.plumbing.files import copy, write_bytes, write_json
from pgpipe.plumbing.project import project_root
from pgpipe.plumbing.terminal import warn
from pgpipe.plumbing.unwritable import refusal

RUN_FILE, METRICS_FILE, ARTIFACTS = "run.json", "metrics.jsonl", "artifacts"
CURSOR_FILE, LOCK, DAMAGED = "pushed.json", "lock", ".damaged"
THIS_RUN = "{run}"  # in a tag of MLflow's: the run's id, which only the store knows
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO)

Integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]  # as stores keep it

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


class Dataset(Section):
    """What a run was trained on."""

    digest: str
    source: str  # a path or URL
    profile: dict[str, Any]


class Run(Section):
    """The content of `run.json`; times are in milliseconds since 1970."""

    key: str
    name: str
    experiment: str
    params: dict[str, str]
    tags: dict[str, str]
    datasets: dict[str, Dataset] = Field(default_factory=dict)
    status: Status = "RUNNING"
    started_ms: Integer
    ended_ms: Integer | None = None


class Point(Section):
    """Values of several metrics at one step; a line of `metrics.jsonl`."""

    step: Integer
    time_ms: Integer
    values: dict[str, float]


class SpoolDamaged(Exception):  # noqa: N818 - a state of the spool
    """A file of a spool is not what was written; the message names it."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file, self.reason = file, reason


class Spool:
    """The writing end, for one process."""

    def __init__(self, run: Run) -> None:
        self.folder = runs_folder() / run.key
        self._metrics = self.folder / METRICS_FILE
        self._lock = self.folder / LOCK
        self._seen: set[tuple[int, str]] = set()
        self._offset = 0  # bytes of metrics.jsonl that _seen covers
        self._run = run  # as last written, in case the file is damaged meanwhile
        with locks.waiting(self._lock):
            if os.path.lexists(self.folder / RUN_FILE):
                self._run = reopened(self._read(), run)
            write_run(self.folder, self._run)
            make_way(self._metrics)

    def append(self, step: int, values: Mapping[str, float]) -> None:
        """Add the values that this step does not have yet, in one write of one line.

        What is not finite is left out: MLflow's SQL turns infinity into 1.8e308, which spoils
        the axis.
        """
        finite = {safe_name(n): float(v) for n, v in values.items() if math.isfinite(v)}
        with locks.waiting(self._lock), self._metrics.open("ab", buffering=0) as file:
            if file.tell() == 0:  # what the store has is of a file that is no more
                (self.folder / CURSOR_FILE).unlink(missing_ok=True)
            self._catch_up()
            if file.tell() > self._offset:  # a killed process left a torn line
                file.write(b"\n")
                self._catch_up()
            fresh = {n: v for n, v in finite.items() if (step, n) not in self._seen}
            if fresh:
                line = Point(step=step, time_ms=now_ms(), values=fresh).model_dump_json()
                file.write(f"{line}\n".encode())

    def _catch_up(self) -> None:
        points, self._offset = read_points(self._metrics, self._offset)
        self._seen.update((point.step, name) for point in points for name in point.values)

    def add_artifact(self, file: Path, folder: str) -> None:
        """Copy `file`; the last copy of a name stays."""
        target = self.folder / ARTIFACTS / folder / file.name
        make_way(target)
        copy(file, target)

    def add_content(self, path: str, data: bytes) -> None:
        """Write a file among the artifacts, unless it is there as it is."""
        target = self.folder / ARTIFACTS / path
        if target.is_file() and target.read_bytes() == data:
            return
        make_way(target)
        write_bytes(target, data)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, or give them new values."""
        self._rewrite(lambda run: {"tags": {**run.tags, **tags}})

    def add_dataset(self, name: str, dataset: Dataset) -> None:
        """Add a data set, or describe it anew."""
        self._rewrite(lambda run: {"datasets": {**run.datasets, name: dataset}})

    def set_status(self, status: Status) -> None:
        """Note how the run stands; every status but RUNNING ends it now."""
        ended = None if status == "RUNNING" else now_ms()
        self._rewrite(lambda _: {"status": status, "ended_ms": ended})

    def _rewrite(self, changes: Callable[[Run], dict[str, Any]]) -> None:
        with locks.waiting(self._lock):
            run = self._read()
            self._run = run.model_copy(update=changes(run))
            if self._run != run:
                write_run(self.folder, self._run)

    def _read(self) -> Run:
        try:
            return read_run(self.folder)
        except SpoolDamaged as damage:
            warn(f"{set_aside(damage)}, and written anew")
            return self._run


def runs_folder() -> Path:
    """Where the spools are: the main checkout, also inside an experiment's workspace."""
    return project_root().resolve() / ".pgpipe" / "runs"


def read_run(folder: Path) -> Run:
    """What the spool at `folder` is a copy of.

    Raises:
        SpoolDamaged: run.json is missing, or is not what `write_run` writes.
        PgpipeError: the system refuses to read it.
    """
    file = folder / RUN_FILE
    try:
        run = Run.model_validate_json(file.read_bytes())
    except OSError as error:
        raise unreadable(file, error) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SpoolDamaged(file, f"damaged ({place or 'JSON'}: {first['msg']})") from None
    if run.key != folder.name:
        raise SpoolDamaged(file, "damaged (it is of another run)")
    return run


def unreadable(file: Path, error: OSError) -> SpoolDamaged | PgpipeError:
    """Return what it means that a file of a spool cannot be read: damage, or a refusal."""
    refused = None if error.errno in NO_FILE else refusal(error, file)
    return refused or SpoolDamaged(file, error.strerror or str(error))


def set_aside(damage: SpoolDamaged) -> SpoolDamaged:
    """Give a damaged file another name; return the damage with what became of the file.

    What is missing gets an empty file of that name, so that it is not named again.
    """
    file = damage.file
    aside = file.with_name(f"{file.name}{DAMAGED}")
    try:
        if os.path.lexists(file):
            file.replace(aside)
            return SpoolDamaged(file, f"{damage.reason}; set aside")
        aside.touch()
    except OSError as error:
        return SpoolDamaged(file, f"{damage.reason}; not set aside: {error.strerror}")
    return damage


def make_way(file: Path) -> None:
    """Set aside what is no file where one is to be written."""
    if os.path.lexists(file) and not file.is_file():
        warn(set_aside(SpoolDamaged(file, "no file")))


def write_run(folder: Path, run: Run) -> None:
    """The counterpart of `read_run`."""
    write_json(folder / RUN_FILE, run.model_dump())


def move_to_experiment(folder: Path, experiment: str) -> None:
    """Have a run belong to another experiment of the store."""
    with locks.waiting(folder / LOCK):
        write_run(folder, read_run(folder).model_copy(update={"experiment": experiment}))


def reopened(old: Run, new: Run) -> Run:
    """A run that goes on: it keeps its name and its start, and takes the tags of today."""
    tags = {**old.tags, **new.tags}
    changes = {"tags": tags, "experiment": new.experiment, "status": "RUNNING", "ended_ms": None}
    return old.model_copy(update=changes)


def read_points(file: Path, offset: int = 0, size: int = -1) -> tuple[list[Point], int]:
    """The points of about `size` bytes of finished lines from `offset` on, and the next offset."""
    with file.open("rb") as reader:
        reader.seek(offset)
        lines = [line for line in reader.readlines(size) if line.endswith(b"\n")]
    return [p for line in lines if (p := parse(line))], offset + sum(map(len, lines))


def parse(line: bytes) -> Point | None:
    """The point of a line, or None where a killed process left it torn."""
    try:
        return Point.model_validate_json(line)
    except ValidationError:
        return None


def safe_name(name: str) -> str:
    """The nearest name that MLflow takes: it refuses a whole batch for one bad name."""
    return posixpath.normpath(re.sub(r"[^/\w.\- ]", "_", name)).lstrip("/.")[:250] or "_"


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
