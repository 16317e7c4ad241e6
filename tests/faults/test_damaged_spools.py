"""A spool that is damaged keeps no other run from the store, and costs its own stage nothing."""

import errno
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient

from faults.trials import Trials
from pgpipe.errors import IntegrityError, NetworkError, PgpipeError, ResourceError
from pgpipe.tracking import tracker
from pgpipe.tracking.push import push
from pgpipe.tracking.spool import DAMAGED, RUN_FILE, Run, Spool, read_run
from pgpipe.tracking.sync import sync


@pytest.fixture(autouse=True)
def store(project: Path, empty_store: Path) -> None:
    """An empty store in the project."""
    shutil.copy(empty_store, project)


def run(key: str) -> Run:
    return Run(key=key, name="n", experiment="e", params={}, tags={}, started_ms=7)


def spool(key: str) -> Spool:
    made = Spool(run(key))
    made.append(1, {"loss": 0.5})
    Path("file.txt").write_text("x")
    made.add_artifact(Path("file.txt"), "folder")
    return made


def stored(project: Path) -> set[str]:
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    found = client.get_experiment_by_name("e")
    runs = client.search_runs([found.experiment_id]) if found else []
    return {run.data.tags["pgpipe.key"] for run in runs if run.data.metrics.get("loss") == 0.5}


def folder(file: Path) -> None:
    file.unlink()
    (file / "in").mkdir(parents=True)


def dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere/at/all")


def circle(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def content(data: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(data)


HARMS = {
    "empty": content(b""),
    "bytes": content(b"\xff\x00\x1b[31m" * 9),
    "null": content(b"null\n"),
    "object": content(b"{}\n"),
    "digits": content(b'{"step": ' + b"9" * 5000 + b"}\n"),
    "nested": content(b"[" * 100_000),
    "folder": folder,
    "dangling": dangling,
    "circle": circle,
    "gone": Path.unlink,
}


@pytest.mark.parametrize(
    "name", [RUN_FILE, "metrics.jsonl", "pushed.json", "artifacts/folder/file.txt"]
)
def test_others_are_sent_and_its_own_stage_goes_on(
    project: Path, name: str, monkeypatch: pytest.MonkeyPatch, trials: Trials
) -> None:
    monkeypatch.setattr(tracker, "Mirror", Quiet)
    harms = trials.random.sample(sorted(HARMS), trials.number(smoke=2, everything=len(HARMS)))
    for harm in harms:
        bad = spool(f"a-{harm}").folder  # before the others, in the order of names
        push(bad)
        HARMS[harm](bad / name)
    spool("z")
    with suppress(PgpipeError):  # which names those that are damaged
        sync()
    assert "z" in stored(project)
    for harm in harms:
        tracking = tracker.live(partial(run, f"a-{harm}"))
        if tracking is not None:
            tracking.log_metrics(2, {"loss": 0.25})
            tracking.log_artifact(Path("file.txt"), "folder")
            tracking.set_tags({"a": "b"})
            tracking.close("RUNNING")
    trials.reached(f"{len(harms)} damages to {name}: others are sent, its own stage goes on")


class Quiet:
    """A mirror that sends nothing."""

    def __init__(self, _spool: Path, at_once: bool) -> None:
        self.warned = 0

    def grew(self) -> None:
        """Nothing."""

    def warn(self, _problem: str) -> None:
        """Nothing."""

    def close(self, hurry: bool = False, more_comes: bool = False) -> None:
        """Nothing."""


def test_the_description_of_another_run_is_set_aside(project: Path) -> None:
    mine, other = spool("mine").folder, spool("other").folder
    shutil.copy(other / RUN_FILE, mine / RUN_FILE)
    with pytest.raises(PgpipeError, match=r"mine.*it is of another run.*set aside.*1 of 2 runs"):
        sync()
    assert (mine / f"{RUN_FILE}{DAMAGED}").exists()
    assert sync().runs == 1
    Spool(run("mine"))
    assert read_run(mine).key == "mine"
    assert sync().runs == 2
    assert stored(project) == {"mine", "other"}


@pytest.mark.parametrize("harm", ["bytes", "folder", "dangling", "gone"])
@pytest.mark.parametrize("name", [RUN_FILE, "metrics.jsonl", "artifacts/folder/file.txt"])
def test_damage_is_named_once_and_then_out_of_the_way(
    project: Path, name: str, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = spool("a").folder
    spool("z")
    push(bad)
    HARMS[harm](bad / name)
    with suppress(IntegrityError):  # bytes among points, or in an artifact, are no damage
        sync()
    assert sync().runs >= 1
    assert stored(project) == {"a", "z"}
    again = Spool(run("a"))
    again.append(2, {"loss": 0.5})
    again.add_artifact(Path("file.txt"), "folder")
    capsys.readouterr()
    done = sync()
    assert (done.runs, done.points) == (2, 1)
    assert not capsys.readouterr().err


def test_a_file_that_the_system_refuses_to_open_is_not_damaged(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, read = spool("a").folder, Path.read_bytes
    spool("z")

    def refuse(path: Path) -> bytes:
        if path == bad / RUN_FILE:
            raise OSError(errno.EMFILE, "Too many open files", str(path))
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(ResourceError, match=r"run a: .*too many open files.*1 of 2 runs"):
            sync()
    assert sync().runs == 2


@pytest.mark.faults
def test_a_store_that_another_process_holds_is_waited_for_once(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each of a thousand runs would wait as long as the first one."""
    for key in ("a", "b", "c"):
        push(spool(key).folder)
        Spool(run(key)).append(2, {"more": 1.0})
    with closing(sqlite3.connect(project / "mlflow.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        start = time.monotonic()
        with pytest.raises(NetworkError, match="database is locked"):
            sync()
        waited = time.monotonic() - start
    assert waited < 40
    assert "SQL" not in capfd.readouterr().err.partition("pgpipe")[0], "MLflow's own paragraph"
    assert sync().points == 3
