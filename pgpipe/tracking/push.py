"""Making the store's run equal to a spool; repeating it changes nothing.

MLflow's own rules carry that: equal points (name, step, time, value), parameters and inputs are
one row, and tags and artifacts are replaced. `pushed.json` only saves work: it speaks of one run
of one store, and without it everything is sent again (ten times as slow as the first time).
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pydantic import BaseModel, Field, ValidationError

from pgpipe.errors import PgpipeError
from pgpipe.plumbing import locks
from pgpipe.plumbing.files import write_json
from pgpipe.plumbing.hashes import sha256_file
from pgpipe.tracking.spool import (
    ARTIFACTS,
    CURSOR_FILE,
    DAMAGED,
    LOCK,
    METRICS_FILE,
    RUN_FILE,
    THIS_RUN,
    Dataset,
    Run,
    SpoolDamaged,
    read_points,
    read_run,
    safe_name,
    set_aside,
    unreadable,
)
from pgpipe.tracking.store import connect
from pgpipe.tracking.troubles import StoreAway, StoreTrouble, store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

KEY_TAG = "pgpipe.key"
CHUNK_BYTES = 1 << 16  # of metrics.jsonl, between two notes of how far a push has come

# MLflow's limits: entities in an answer or a request, characters in a value
SAME_KEY, POINTS, ENTRIES, PARAM_CHARS, TAG_CHARS, DIGEST_CHARS = 1000, 1000, 100, 6000, 5000, 36

T = TypeVar("T")


class Pushed(NamedTuple):
    """How much a push sent; `deleted`: the run was deleted in the store, and stays so."""

    points: int
    artifacts: int
    deleted: bool = False


class Cursor(BaseModel, strict=True, extra="forbid"):
    """How much of a spool the run `run_id` of the store has."""

    run_id: str
    description: str = ""  # hash of run.json
    offset: int = Field(default=0, ge=0)  # bytes of metrics.jsonl
    artifacts: dict[str, list[int]] = Field(default_factory=dict)  # by path: bytes, mtime in ns


def push(folder: Path) -> Pushed:
    """Send to the store what it lacks of the spool at `folder`.

    A run that was deleted in the store stays deleted.

    Raises:
        StoreTrouble: the store does not take it; what it lacks stays in the spool.
        SpoolDamaged: a file of the spool is damaged, and set aside; what can be was sent.
        PgpipeError: the system refuses something.
    """
    try:
        with locks.waiting(folder / "push.lock"):
            run = read_run(folder)
            cursor = read_cursor(folder)
            with store_errors():
                client, run_id = find_run(run, cursor.run_id)
                if run_id is None:
                    return Pushed(0, 0, deleted=True)
                if run_id != cursor.run_id:  # another store, or one made anew
                    cursor = Cursor(run_id=run_id)
                push_description(client, cursor, folder)
                points = push_points(client, cursor, folder)
            return Pushed(points, push_artifacts(client, cursor, folder))
    except SpoolDamaged as damage:
        raise put_away(folder, damage) from None
    except OSError as error:
        trouble = unreadable(Path(error.filename2 or error.filename or folder), error)
        raise put_away(folder, trouble) if isinstance(trouble, SpoolDamaged) else trouble from None


def put_away(folder: Path, damage: SpoolDamaged) -> SpoolDamaged:
    """Set a damaged file of a spool aside, unless a stage has written it anew meanwhile."""
    try:
        with locks.waiting(folder / LOCK):
            read_run(folder)
            return damage if damage.file.name == RUN_FILE else set_aside(damage)
    except SpoolDamaged as description:
        return set_aside(description)
    except OSError:
        return damage


def find_run(run: Run, known: str) -> tuple["MlflowClient", str | None]:
    """The store's copy of this run, which is created if need be; None where it was deleted.

    It is the one that was pushed to before (`known`), or has the same key and began at the same
    time. Others of the same key are those of clones of this project that have the same store.
    """
    from mlflow.entities import ViewType

    client, experiment = connect(run.experiment)
    query = f"tags.`{KEY_TAG}` = '{run.key}'"
    for found in client.search_runs(
        [experiment.identity], query, ViewType.ALL, max_results=SAME_KEY
    ):
        if found.info.run_id == known or found.info.start_time == run.started_ms:
            deleted = found.info.lifecycle_stage == "deleted"
            return client, None if deleted else found.info.run_id
    experiment.require_active()
    new = client.create_run(experiment.identity, run.started_ms, {KEY_TAG: run.key}, run.name)
    return client, new.info.run_id


def read_cursor(folder: Path) -> Cursor:
    """What a store's run has; of no run where that is not known, or cannot be."""
    try:
        return Cursor.model_validate_json((folder / CURSOR_FILE).read_bytes())
    except (OSError, ValidationError):
        return Cursor(run_id="")


def write_cursor(folder: Path, cursor: Cursor) -> None:
    """The counterpart of `read_cursor`."""
    write_json(folder / CURSOR_FILE, cursor.model_dump())


def push_description(client: "MlflowClient", cursor: Cursor, folder: Path) -> None:
    """Send parameters, tags, data sets and status, unless run.json is as it was."""
    from mlflow.entities import Param, RunTag

    description = sha256_file(folder / RUN_FILE)
    if description == cursor.description:
        return
    run, run_id = read_run(folder), cursor.run_id
    params = [Param(safe_name(name), value[:PARAM_CHARS]) for name, value in run.params.items()]
    tags = [RunTag(safe_name(n), tag_value(n, v, run_id)) for n, v in run.tags.items()]
    for some in batches(params, ENTRIES):
        client.log_batch(run_id, params=some, synchronous=True)
    client.log_batch(run_id, tags=tags, synchronous=True)
    client.log_inputs(run_id, [dataset_input(name, data) for name, data in run.datasets.items()])
    if run.status == "RUNNING":
        client.update_run(run_id, run.status)
    else:
        client.set_terminated(run_id, run.status, run.ended_ms)
    cursor.description = description
    write_cursor(folder, cursor)


def tag_value(name: str, value: str, run_id: str) -> str:
    """Return a tag's value as the store takes it; MLflow's own tags may name their run."""
    known = value.replace(THIS_RUN, run_id) if name.startswith("mlflow.") else value
    return known[:TAG_CHARS]


def push_points(client: "MlflowClient", cursor: Cursor, folder: Path) -> int:
    """Send the points behind the cursor; their number."""
    from mlflow.entities import Metric

    file, sent = folder / METRICS_FILE, 0
    if file.exists() and file.stat().st_size < cursor.offset:  # cut off since
        cursor.offset = 0
    while file.exists():
        try:
            points, offset = read_points(file, cursor.offset, CHUNK_BYTES)
        except OSError as error:
            raise unreadable(file, error) from None
        if offset == cursor.offset:
            break
        metrics = [
            Metric(safe_name(n), v, p.time_ms, p.step) for p in points for n, v in p.values.items()
        ]
        for some in batches(metrics, POINTS):
            client.log_batch(cursor.run_id, metrics=some, synchronous=True)
        sent += len(metrics)
        cursor.offset = offset
        write_cursor(folder, cursor)
    return sent


def push_artifacts(client: "MlflowClient", cursor: Cursor, folder: Path) -> int:
    """Send the artifacts that are new or changed; their number.

    Each is tried, and then what went wrong with the first one is raised.
    """
    root, sent, troubles = folder / ARTIFACTS, 0, list[Exception]()
    for file in sorted(f for f in root.rglob("[!.]*") if not f.is_dir() and f.suffix != DAMAGED):
        try:
            sent += push_artifact(client, cursor, folder, file)
        except StoreAway:
            raise
        except SpoolDamaged as damage:
            troubles.append(put_away(folder, damage))
        except (StoreTrouble, PgpipeError) as trouble:
            troubles.append(trouble)
    if troubles:
        raise troubles[0]
    return sent


def push_artifact(client: "MlflowClient", cursor: Cursor, folder: Path, file: Path) -> bool:
    """Send one artifact, unless the store has it as it is; whether it was sent."""
    path = file.relative_to(folder / ARTIFACTS)
    try:
        with file.open("rb"):
            stat = file.stat()
    except OSError as error:
        raise unreadable(file, error) from None
    stamp = [stat.st_size, stat.st_mtime_ns]
    if cursor.artifacts.get(str(path)) == stamp:
        return False
    with store_errors():
        client.log_artifact(cursor.run_id, str(file), path.parent.as_posix())
        cursor.artifacts[str(path)] = stamp
        write_cursor(folder, cursor)
    return True


def dataset_input(name: str, dataset: Dataset) -> "DatasetInput":
    """A data set as MLflow's UI shows it."""
    from mlflow.entities import Dataset as StoredDataset
    from mlflow.entities import DatasetInput, InputTag

    remote = dataset.source.startswith("http")
    stored = StoredDataset(
        name=name,
        digest=dataset.digest[:DIGEST_CHARS],
        source_type="http" if remote else "local",
        source=json.dumps({"url" if remote else "uri": dataset.source}),
        profile=json.dumps(dataset.profile),
    )
    return DatasetInput(stored, [InputTag("mlflow.data.context", "training")])


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
