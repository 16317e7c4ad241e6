import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient
from tinyparams import ROOT

from pgpipe.errors import Interrupted, UsageError
from pgpipe.tracking.config import TrackingSection
from pgpipe.tracking.spool import Run, read_run, runs_folder
from pgpipe.tracking.sync import Synced, sync
from pgpipe.tracking.system import system_metrics
from pgpipe.tracking.tracker import NullTracker, open_run

ON = TrackingSection(enabled=True, experiment="e")
DEAD = "http://127.0.0.1:9"


# Tracks, and says which thread changes the environment after the first one has started others.
CHANGING = """
import sys, threading
from pgpipe.plumbing import libraries
import numpy  # sets a variable while it is imported, which the stages that track have done
from pgpipe.tracking import mirror, tracker
from pgpipe.tracking.config import TrackingSection

def hear(event, _):
    if event in ("os.putenv", "os.unsetenv"):
        print(threading.current_thread().name)

libraries.tune()
mirror.PATIENCE_S = 60
sys.addaudithook(hear)
on = TrackingSection(enabled=True, experiment="e")
with tracker.open_run("train", on, "made of", final=True) as run:
    run.log_metrics(1, {"loss": 1.0})
"""


def the_run() -> Run:
    [file] = runs_folder().glob("*/run.json")
    return read_run(file.parent)


def test_nothing_is_written_where_tracking_is_off(project: Path) -> None:
    off = TrackingSection(enabled=False, experiment="e")
    with open_run("train", off, "made of", final=True) as tracker:
        assert isinstance(tracker, NullTracker)
        tracker.log_metrics(1, {"loss": 1.0})
        tracker.log_artifact(Path("missing.png"), "previews")
        tracker.log_dataset("d", "0", "data", {})
        tracker.set_tags({"a": "b"})
    assert not (project / ".pgpipe").exists()


def test_stages_fill_one_run_and_the_report_finishes_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgpipe.tracking.mirror.PATIENCE_S", 60)  # however busy the machine is
    (project / "grid.png").write_bytes(b"pixels")
    with open_run("prepare", ON, "made of") as tracker:
        tracker.log_dataset("squares", "0" * 64, "data", {"count": 3})
    with open_run("train@r4", ON, "made of") as tracker:
        tracker.log_metrics(100, {"loss": 1.0, **system_metrics()})
        tracker.log_artifact(project / "grid.png", "previews")
    assert the_run().status == "RUNNING"
    with open_run("report", ON, "made of", final=True) as tracker:
        tracker.log_metrics(100, {"loss": 1.0, "swd": 2.0})

    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    experiment = client.get_experiment_by_name("e")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["swd"] == 2.0
    assert run.data.metrics["system/system_memory_usage_megabytes"] > 0
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 1
    assert run.inputs is not None
    assert [d.dataset.name for d in run.inputs.dataset_inputs] == ["squares"]


def test_a_short_stage_leaves_what_it_logged_to_the_next(project: Path) -> None:
    """So none of a chain of short ones imports mlflow, but the last."""
    with open_run("train@r4", ON, "made of") as tracker:
        tracker.log_metrics(100, {"loss": 1.0})
    assert not (project / "mlflow.db").exists()
    assert sync() == Synced(runs=1, points=1, artifacts=0), "or to who asks"


def test_a_stage_that_is_not_short_is_seen_while_it_works(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = threading.Event()
    monkeypatch.setattr("pgpipe.tracking.mirror.SHORT_S", 0.01)
    monkeypatch.setattr("pgpipe.tracking.mirror.push", lambda _: pushed.set())
    with open_run("train@r4", ON, "made of") as tracker:
        tracker.log_metrics(100, {"loss": 1.0})
        assert pushed.wait(60)


def test_the_last_stage_sends_from_its_beginning_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It carries what short stages before it have left, and has to import mlflow for that."""
    pushed = threading.Event()
    monkeypatch.setattr("pgpipe.tracking.mirror.SHORT_S", 600)
    monkeypatch.setattr("pgpipe.tracking.mirror.push", lambda _: pushed.set())
    with open_run("report", ON, "made of", final=True):
        assert pushed.wait(60)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Interrupted("saved"), "KILLED"),
        (KeyboardInterrupt(), "KILLED"),
        (UsageError("x"), "FAILED"),
    ],
)
def test_the_stage_s_exception_passes_and_is_noted(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD)
    with pytest.raises(type(error)), open_run("train", ON, "made of", final=True):
        raise error
    assert the_run().status == status


@pytest.mark.slow
def test_no_thread_changes_the_environment_that_others_read(project: Path) -> None:
    outer = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-c", CHANGING],
        env={**outer, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert (project / "mlflow.db").exists()
    assert done.stdout == ""


def test_a_dead_store_costs_no_time_and_no_point(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD)
    seconds = []
    with open_run("train", ON, "made of", final=True) as tracker:
        for step in range(100):
            start = time.perf_counter()
            tracker.log_metrics(step, {"loss": float(step)})
            seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
    assert time.perf_counter() - start < 6
    assert sorted(seconds)[len(seconds) // 2] < 0.02
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("pgpipe: warning: ")
    assert "pgpipe sync" in line

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert sync() == Synced(runs=1, points=100, artifacts=0)


def test_a_store_that_hangs_is_waited_for_a_few_seconds_only(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pgpipe.tracking.mirror.push", lambda _: time.sleep(5))
    monkeypatch.setattr("pgpipe.tracking.mirror.PATIENCE_S", 0.5)
    start = time.perf_counter()
    with open_run("train", ON, "made of", final=True) as tracker:
        tracker.log_metrics(1, {"loss": 1.0})
    assert time.perf_counter() - start < 2
    assert "pgpipe sync" in capsys.readouterr().err


def test_a_file_that_is_missing_is_a_warning(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pgpipe.tracking.mirror.push", lambda _: None)
    with open_run("train", ON, "made of") as tracker:
        tracker.log_artifact(project / "missing.png", "previews")
    assert "missing.png" in capsys.readouterr().err


def test_importing_the_tracker_imports_neither_mlflow_nor_torch() -> None:
    code = "import sys, pgpipe.tracking.tracker as _; print({'mlflow', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_memory_of_a_gpu_in_use_is_among_the_system_metrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = SimpleNamespace(
        is_initialized=lambda: True, current_device=lambda: 1, mem_get_info=lambda: (3e6, 4e6)
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    metrics = system_metrics()
    assert metrics["system/gpu_1_memory_usage_megabytes"] == 1.0
    assert metrics["system/gpu_1_memory_usage_percentage"] == 25.0
