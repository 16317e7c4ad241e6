"""Runs that cannot be sent: each is tried alone, and why it was not is said with the cure."""

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlflow.experiments
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking._tracking_service import utils

from pgpipe.errors import IntegrityError, NetworkError, PgpipeError, UsageError
from pgpipe.tracking.config import TrackingSection
from pgpipe.tracking.push import push
from pgpipe.tracking.spool import Run, Spool, read_run, runs_folder
from pgpipe.tracking.sync import Synced, sync
from pgpipe.tracking.tracker import NullTracker, open_run


@pytest.fixture(autouse=True)
def store(project: Path, empty_store: Path) -> Iterator[None]:
    """An empty store in the project, and no memory of it afterwards."""
    shutil.copy(empty_store, project)
    yield
    forget()


def forget() -> None:
    """Have MLflow open the store anew, as another process would."""
    utils._tracking_store_registry._get_store_with_resolved_uri.cache_clear()
    SqlAlchemyStore._engine_map.clear()


def spool(key: str, experiment: str = "e", name: str = "n") -> Spool:
    run = Run(key=key, name=name, experiment=experiment, params={}, tags={}, started_ms=7)
    made = Spool(run)
    made.append(1, {"loss": 0.5})
    return made


def client(project: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project}/mlflow.db")


def stored(project: Path, experiment: str = "e") -> set[str]:
    found = client(project).get_experiment_by_name(experiment)
    if found is None or found.lifecycle_stage == "deleted":
        return set()
    runs = client(project).search_runs([found.experiment_id])
    return {run.data.tags["pgpipe.key"] for run in runs if run.data.metrics == {"loss": 0.5}}


def delete_experiment(project: Path, name: str) -> str:
    found = client(project).get_experiment_by_name(name)
    assert found is not None
    client(project).delete_experiment(found.experiment_id)
    return str(found.experiment_id)


# The store refuses some


def test_a_deleted_experiment_stops_no_other_run_and_its_cure_works(project: Path) -> None:
    push(spool("old", "gone").folder)
    identity = delete_experiment(project, "gone")
    spool("a", "gone")
    spool("b")
    spool("c", "gone")
    with pytest.raises(UsageError) as caught:
        sync("gone")
    assert stored(project) == {"b"}
    told = str(caught.value)
    assert "runs n (a), n (c): experiment 'gone' was deleted" in told
    assert "2 of 4 runs are in the store" in told
    cure = told.partition("`")[2].partition("`")[0]
    assert cure == f"mlflow experiments restore --experiment-id {identity}"
    assert CliRunner().invoke(mlflow.experiments.commands, cure.split()[2:]).exit_code == 0
    assert sync("gone") == Synced(runs=4, points=2, artifacts=0)
    assert stored(project, "gone") == {"old", "a", "c"}


def test_runs_of_a_deleted_experiment_go_to_the_one_that_params_names(project: Path) -> None:
    push(spool("old", "gone").folder)
    delete_experiment(project, "gone")
    spool("a", "gone")
    assert sync("other") == Synced(runs=2, points=1, artifacts=0, deleted=1)  # old stays deleted
    assert stored(project, "other") == {"a"}
    assert sync("other") == Synced(runs=2, points=0, artifacts=0, deleted=1)


def test_different_reasons_are_all_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    push(spool("old", "gone").folder)
    delete_experiment(project, "gone")
    spool("a", "gone")
    spool("b", "x" * 501)  # more than MLflow takes
    (spool("c").folder / "run.json").write_text("{")
    spool("d")
    with pytest.raises(UsageError, match=r"3 runs were not sent.*2 of 5 runs are in the store"):
        sync()
    assert stored(project) == {"d"}
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[2] for line in lines] == ["run n (a)", "run n (b)", "run c"]
    assert "experiment 'gone' was deleted" in lines[0]
    assert "exceeds the maximum length of 500" in lines[1]
    assert "run.json: damaged" in lines[2]


def test_experiments_that_mlflow_cannot_hold_are_bad_parameters() -> None:
    for name in ("", " ", " x", "x\n", "\0", "\ud800", "x" * 257):
        with pytest.raises(ValueError, match="experiment"):
            TrackingSection(enabled=True, experiment=name)


def test_the_experiment_that_mlflow_makes_itself_can_be_used(project: Path) -> None:
    (project / "mlflow.db").unlink()
    spool("a", "Default")
    assert sync().points == 1
    assert stored(project, "Default") == {"a"}


def test_clones_with_one_store_have_runs_of_their_own(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlflow.db")
    for number, clone in enumerate(("one", "two")):
        (project / clone).mkdir()
        monkeypatch.setenv("DVC_ROOT", str(project / clone))
        made = Spool(
            Run(key="k", name=clone, experiment="e", params={}, tags={}, started_ms=number)
        )
        made.append(1, {"loss": 0.5})
        assert sync().points == 1
        assert sync().points == 0
    runs = client(project).search_runs(["1"])
    assert sorted(str(run.info.run_name) for run in runs) == ["one", "two"]
    for run in runs:
        assert len(client(project).get_metric_history(run.info.run_id, "loss")) == 1


# The store as a whole


def damaged(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def of_another_version(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'abcdef012345'")


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("harm", "kind", "message"),
    [
        (damaged, IntegrityError, "damaged; move it away and run pgpipe sync"),
        (cut, IntegrityError, "damaged; move it away and run pgpipe sync"),
        (of_another_version, UsageError, "another version of MLflow made it.*mlflow db upgrade"),
        (a_folder, UsageError, "readable and writable"),
    ],
)
def test_a_file_that_is_no_store_is_said_at_once_with_its_cure(
    project: Path,
    empty_store: Path,
    harm: Callable[[Path], None],
    kind: type[PgpipeError],
    message: str,
) -> None:
    push(spool("a").folder)
    harm(project / "mlflow.db")
    forget()
    with pytest.raises(kind, match=message) as caught:
        sync()
    assert str(project / "mlflow.db") in str(caught.value)
    (project / "mlflow.db").rename(project / "away")
    shutil.copy(empty_store, project)  # as sync makes it, in a second
    forget()
    assert sync().points == 1


def test_an_empty_file_is_filled(project: Path) -> None:
    (project / "mlflow.db").write_bytes(b"")
    spool("a")
    assert sync().points == 1


class Answering(BaseHTTPRequestHandler):
    """Gives the answer of its server to everything."""

    def do_GET(self) -> None:
        code, body = self.server.answer  # type: ignore[attr-defined]
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the base's name

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv(
            "MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{server.server_port}"
        )
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("code", "body", "exit_code", "message"),
    [
        (401, b"", 2, "MLFLOW_TRACKING_USERNAME"),
        (403, b'{"error_code": "PERMISSION_DENIED", "message": "no"}', 2, "other credentials"),
        (404, b"<html>", 2, "does not answer as MLflow"),
        (400, b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}', 2, "refuses"),
        (200, b"<html>", 7, "again later"),
        (500, b"", 7, "again later"),
        (503, b"\x1b[31m", 7, "again later"),
        (429, b"", 7, "again later"),
    ],
)
def test_an_answer_is_permanent_or_temporary(
    project: Path,
    answering: ThreadingHTTPServer,
    code: int,
    body: bytes,
    exit_code: int,
    message: str,
) -> None:
    answering.answer = (code, body)  # type: ignore[attr-defined]
    spool("a")
    with pytest.raises(PgpipeError, match=message) as caught:
        sync()
    assert caught.value.exit_code == exit_code
    assert "secret" not in str(caught.value)


def test_a_store_that_goes_away_amid_a_sync_is_temporary(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a", "b", "c"):
        spool(key)
    tried = []

    def goes(folder: Path) -> object:
        tried.append(folder.name)
        if len(tried) == 2:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        return push(folder)

    monkeypatch.setattr("pgpipe.tracking.sync.push", goes)
    with pytest.raises(NetworkError, match=r"run n \(b\).*again later; 1 of 3 runs"):
        sync()
    assert tried == ["a", "b"]  # and nobody waits for the third


# Spools that are damaged


def test_damaged_descriptions_stop_no_other_run(project: Path) -> None:
    for key, content in {
        "a": b"",
        "b": b'{"key": "b"',
        "c": b"\xff\x00",
        "d": b'{"key": 1}',
    }.items():
        (spool(key).folder / "run.json").write_bytes(content)
    (spool("e").folder / "run.json").unlink()
    spool("f")
    (runs_folder() / "no folder").touch()
    (runs_folder() / "empty").mkdir()
    with pytest.raises(IntegrityError, match=r"5 runs were not sent.*1 of 6 runs are in the store"):
        sync()
    assert stored(project) == {"f"}


def test_garbage_among_the_points_costs_only_itself(project: Path) -> None:
    made = spool("a")
    file = made.folder / "metrics.jsonl"
    huge = json.dumps({"step": 2**63, "time_ms": 0, "values": {"loss": 1.0}}).encode()
    strange = json.dumps({"step": 2, "time_ms": 1, "values": {"a?b": 1.0}}).encode()
    lines = [b"\x00\xff{", b"[]", b"{}", huge, strange]
    file.write_bytes(b"\n".join([*lines, file.read_bytes()]))
    assert sync().points == 2
    assert client(project).search_runs(["1"])[0].data.metrics == {"loss": 0.5, "a_b": 1.0}


def test_an_artifact_that_cannot_be_read_is_named_and_the_others_are_sent(project: Path) -> None:
    made = spool("a")
    for name in ("a.png", "c.png"):
        (project / name).write_bytes(name.encode())
        made.add_artifact(project / name, "previews")
    (made.folder / "artifacts/previews/b.png").symlink_to("nowhere")
    spool("b")
    with pytest.raises(IntegrityError, match=r"b\.png: No such file.*1 of 2 runs are in the store"):
        sync()
    [run] = [r for r in client(project).search_runs(["1"]) if r.data.tags["pgpipe.key"] == "a"]
    kept = client(project).list_artifacts(run.info.run_id, "previews")
    assert [f.path for f in kept] == ["previews/a.png", "previews/c.png"]
    assert stored(project) == {"a", "b"}


@pytest.mark.parametrize(
    "note",
    ['{"run', '{"run_id": "RUN", "offset": "a"}', '{"run_id": "RUN", "offset": 99999}', "[1]"],
)
def test_a_damaged_note_of_what_was_sent_sends_it_again(project: Path, note: str) -> None:
    made = spool("a")
    push(made.folder)
    run_id = client(project).search_runs(["1"])[0].info.run_id
    (made.folder / "pushed.json").write_text(note.replace("RUN", run_id))
    assert sync().points == 1
    assert len(client(project).get_metric_history(run_id, "loss")) == 1


# A stage never fails because of the store or of its spool

ON = TrackingSection(enabled=True, experiment="e")


@pytest.mark.slow
def test_a_stage_sets_its_damaged_description_aside_and_goes_on(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_run("train", ON, "made of") as tracker:
        tracker.log_metrics(1, {"loss": 0.5})
    [folder] = runs_folder().iterdir()
    (folder / "run.json").write_bytes(b"\x00")
    with open_run("train", ON, "made of") as tracker:
        tracker.log_metrics(2, {"loss": 0.25})
        (folder / "run.json").write_bytes(b"{")  # while it trains
        tracker.set_tags({"device": "cpu"})
    assert (folder / "run.json.damaged").read_bytes() == b"{"
    assert read_run(folder).tags["device"] == "cpu"
    lines = capsys.readouterr().err.splitlines()
    assert sum("run.json: damaged" in line and "set aside" in line for line in lines) == 2
    sync()
    [run] = client(project).search_runs(["1"])
    assert len(client(project).get_metric_history(run.info.run_id, "loss")) == 2


def test_a_stage_whose_spool_cannot_be_written_tracks_nothing_and_goes_on(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs_folder().parent.mkdir()
    runs_folder().write_text("a file in the way")
    with open_run("train", ON, "made of") as tracker:
        tracker.log_metrics(1, {"loss": 0.5})
    assert isinstance(tracker, NullTracker)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("pgpipe: warning: tracking: nothing of this stage is tracked: ")


def test_a_stage_warns_of_a_deleted_experiment_with_its_cure(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push(spool("old").folder)
    delete_experiment(project, "e")
    with open_run("train", ON, "made of", final=True) as tracker:
        tracker.log_metrics(1, {"loss": 0.5})
    [line] = capsys.readouterr().err.splitlines()
    assert "experiment 'e' was deleted" in line
    assert "restore" in line
