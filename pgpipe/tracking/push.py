"""Making the store's run equal to a spool; repeating it changes nothing.

MLflow's own rules carry that: equal points (name, step, time, value), parameters and inputs are
one row, and tags and artifacts are replaced. `pushed.json` only saves work: it speaks of one run
of one store, and without it everything is sent again (ten times as slow as the first time).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pgpipe.files import read_json, write_json
from pgpipe.hashes import sha256_file
from pgpipe.tracking.spool import (
    ARTIFACTS,
    METRICS_FILE,
    RUN_FILE,
    Dataset,
    Run,
    locked,
    read_points,
    read_run,
    safe_name,
)
from pgpipe.tracking.store import connect, store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

KEY_TAG = "pgpipe.key"
CURSOR_FILE = "pushed.json"
CHUNK_BYTES = 1 << 16  # of metrics.jsonl, between two notes of how far a push has come

# MLflow's limits: entities in a request, characters in a value
POINTS, ENTRIES, PARAM_CHARS, TAG_CHARS, DIGEST_CHARS = 1000, 100, 6000, 5000, 36

T = TypeVar("T")


class Pushed(NamedTuple):
    """How much a push sent."""

    points: int
    artifacts: int


@dataclass
class Cursor:
    """How much of a spool the run `run_id` of the store has."""

    run_id: str
    description: str = ""  # hash of run.json
    offset: int = 0  # bytes of metrics.jsonl
    artifacts: dict[str, list[int]] = field(default_factory=dict)  # by path: bytes, mtime in ns


def push(folder: Path) -> Pushed:
    """Send to the store what it lacks of the spool at `folder`.

    A run that was deleted in the store stays deleted.

    Raises:
        StoreAway: the store cannot be used now; what it lacks stays in the spool.
    """
    with store_errors(), locked(folder / "push.lock"):
        client, run_id = find_run(read_run(folder))
        if run_id is None:
            return Pushed(0, 0)
        cursor = read_cursor(folder, run_id)
        push_description(client, cursor, folder)
        return Pushed(push_points(client, cursor, folder), push_artifacts(client, cursor, folder))


def find_run(run: Run) -> tuple["MlflowClient", str | None]:
    """The store's run with this key, which is created if need be; None where it was deleted."""
    from mlflow.entities import ViewType

    client, experiment = connect(run.experiment)
    query = f"tags.`{KEY_TAG}` = '{run.key}'"
    for found in client.search_runs([experiment], query, ViewType.ALL, max_results=1):
        return client, None if found.info.lifecycle_stage == "deleted" else found.info.run_id
    new = client.create_run(experiment, run.started_ms, {KEY_TAG: run.key}, run.name)
    return client, new.info.run_id


def read_cursor(folder: Path, run_id: str) -> Cursor:
    """What the store's run has; nothing where that is not known."""
    try:
        cursor = Cursor(**read_json(folder / CURSOR_FILE))
    except (OSError, ValueError, TypeError):
        return Cursor(run_id)
    return cursor if cursor.run_id == run_id else Cursor(run_id)


def write_cursor(folder: Path, cursor: Cursor) -> None:
    """The counterpart of `read_cursor`."""
    write_json(folder / CURSOR_FILE, asdict(cursor))


def push_description(client: "MlflowClient", cursor: Cursor, folder: Path) -> None:
    """Send parameters, tags, data sets and status, unless run.json is as it was."""
    from mlflow.entities import Param, RunTag

    description = sha256_file(folder / RUN_FILE)
    if description == cursor.description:
        return
    run, run_id = read_run(folder), cursor.run_id
    params = [Param(safe_name(name), value[:PARAM_CHARS]) for name, value in run.params.items()]
    tags = [RunTag(safe_name(name), value[:TAG_CHARS]) for name, value in run.tags.items()]
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


def push_points(client: "MlflowClient", cursor: Cursor, folder: Path) -> int:
    """Send the points behind the cursor; their number."""
    from mlflow.entities import Metric

    file, sent = folder / METRICS_FILE, 0
    while file.exists():
        points, offset = read_points(file, cursor.offset, CHUNK_BYTES)
        if offset == cursor.offset:
            break
        metrics = [Metric(n, v, p.time_ms, p.step) for p in points for n, v in p.values.items()]
        for some in batches(metrics, POINTS):
            client.log_batch(cursor.run_id, metrics=some, synchronous=True)
        sent += len(metrics)
        cursor.offset = offset
        write_cursor(folder, cursor)
    return sent


def push_artifacts(client: "MlflowClient", cursor: Cursor, folder: Path) -> int:
    """Send the artifacts that are new or changed; their number."""
    root, sent = folder / ARTIFACTS, 0
    for file in sorted(f for f in root.rglob("[!.]*") if f.is_file()):
        path, stat = file.relative_to(root), file.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        if cursor.artifacts.get(str(path)) != stamp:
            client.log_artifact(cursor.run_id, str(file), path.parent.as_posix())
            sent += 1
            cursor.artifacts[str(path)] = stamp
            write_cursor(folder, cursor)
    return sent


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
