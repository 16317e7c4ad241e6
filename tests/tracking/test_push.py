import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from pgpipe.errors import NetworkError
from pgpipe.tracking.push import Pushed, push
from pgpipe.tracking.spool import Dataset, Run, Spool
from pgpipe.tracking.sync import Synced, sync
from pgpipe.tracking.troubles import StoreRefuses

PUSHER = """
import sys
from pgpipe.tracking.push import push
from pgpipe.tracking.spool import Run, Spool
spool = Spool(Run(key=sys.argv[1], name="n", experiment="e", params={}, tags={}, started_ms=0))
spool.append(int(sys.argv[2]), {"loss": 1.0})
push(spool.folder)
"""


def filled(project: Path, key: str = "k") -> Spool:
    params = {f"p{i}": str(i) for i in range(120)}
    tags = {"device": "cpu"}
    run = Run(key=key, name="brave", experiment="e", params=params, tags=tags, started_ms=1000)
    spool = Spool(run)
    for step in range(0, 600, 2):
        spool.append(step, {f"m/{i}": step + i / 10 for i in range(8)})
    spool.add_dataset("squares", Dataset(digest="d" * 64, source="data", profile={"count": 3}))
    (project / "grid.png").write_bytes(b"pixels")
    spool.add_artifact(project / "grid.png", "previews")
    return spool


def stored(client: MlflowClient) -> list[Any]:
    experiment = client.get_experiment_by_name("e")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def client_of(project: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project}/mlflow.db")


def history(client: MlflowClient, run_id: str) -> dict[tuple[str, int], list[float]]:
    found: dict[tuple[str, int], list[float]] = {}
    for name in (f"m/{i}" for i in range(8)):
        for point in client.get_metric_history(run_id, name):
            found.setdefault((name, point.step), []).append(point.value)
    return found


@pytest.mark.slow
def test_the_store_gets_all_of_a_run_and_a_replay_doubles_nothing(project: Path) -> None:
    spool = filled(project)
    spool.set_status("FINISHED")
    assert push(spool.folder) == Pushed(points=2400, artifacts=1)
    assert push(spool.folder) == Pushed(points=0, artifacts=0)
    (spool.folder / "pushed.json").unlink()
    assert push(spool.folder) == Pushed(points=2400, artifacts=1)

    client = client_of(project)
    [run] = stored(client)
    expected = {(f"m/{i}", s): [s + i / 10] for s in range(0, 600, 2) for i in range(8)}
    assert history(client, run.info.run_id) == expected
    assert run.data.params == {f"p{i}": str(i) for i in range(120)}
    assert run.data.tags["device"] == "cpu"
    assert (run.info.run_name, run.info.status, run.info.start_time) == ("brave", "FINISHED", 1000)
    [used] = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("squares", "d" * 36)
    assert json.loads(used.dataset.profile) == {"count": 3}
    assert run.info.artifact_uri.startswith((project / "mlartifacts").as_uri())
    assert [f.path for f in client.list_artifacts(run.info.run_id, "previews")] == [
        "previews/grid.png"
    ]


@pytest.mark.slow
def test_a_push_sends_what_is_new(project: Path) -> None:
    spool = filled(project)
    push(spool.folder)
    spool.append(1000, {"m/0": 5.0})
    spool.set_tags({"device": "cuda"})
    (project / "grid.png").write_bytes(b"other pixels")
    spool.add_artifact(project / "grid.png", "previews")
    assert push(spool.folder) == Pushed(points=1, artifacts=1)
    [run] = stored(client_of(project))
    assert (run.data.metrics["m/0"], run.data.tags["device"]) == (5.0, "cuda")
    artifacts = project / "mlartifacts" / run.info.run_id / "artifacts"
    assert (artifacts / "previews" / "grid.png").read_bytes() == b"other pixels"


@pytest.mark.slow
def test_a_damaged_note_of_what_was_pushed_is_harmless(project: Path) -> None:
    spool = filled(project)
    push(spool.folder)
    (spool.folder / "pushed.json").write_text('{"run')
    assert push(spool.folder).points == 2400
    assert len(stored(client_of(project))) == 1


def test_a_run_deleted_in_the_store_stays_deleted(project: Path) -> None:
    spool = filled(project)
    push(spool.folder)
    client = client_of(project)
    client.delete_run(stored(client)[0].info.run_id)
    spool.append(1000, {"m/0": 5.0})
    assert push(spool.folder) == Pushed(0, 0, deleted=True)
    assert stored(client) == []


@pytest.mark.slow
def test_sync_fills_a_new_store(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push(filled(project, "one").folder)
    filled(project, "two")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")  # relative to the project
    assert sync() == Synced(runs=2, points=4800, artifacts=2)
    assert sync() == Synced(runs=2, points=0, artifacts=0)
    assert len(stored(MlflowClient(f"sqlite:///{project}/other.db"))) == 2


def test_a_store_that_does_not_answer_is_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(NetworkError) as caught:
        sync()
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "pgpipe sync" in str(caught.value)


def test_a_project_that_was_moved_does_not_write_into_its_old_place(project: Path) -> None:
    old = project / "old"
    (old / ".dvc").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(old))
        push(filled(project).folder)
        old.rename(project / "new")
        patch.setenv("DVC_ROOT", str(project / "new"))
        with pytest.raises(StoreRefuses, match="moved or copied"):
            push(project / "new" / ".pgpipe" / "runs" / "k")
    assert not old.exists()


@pytest.mark.slow
def test_processes_at_once_create_one_store_one_experiment_one_run_per_key(project: Path) -> None:
    arguments = [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]
    processes = [subprocess.Popen([sys.executable, "-c", PUSHER, *each]) for each in arguments]
    assert [process.wait() for process in processes] == [0] * 4
    client = client_of(project)
    assert sorted(e.name for e in client.search_experiments()) == ["Default", "e"]
    assert sorted(run.data.tags["pgpipe.key"] for run in stored(client)) == ["a", "b"]
    for run in stored(client):
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "loss")]
        assert sorted(steps) == [1, 2]
    assert not list(project.glob("*.new"))
