import math
import subprocess
import sys
from pathlib import Path

from pgpipe.tracking.spool import Dataset, Run, Spool, read_points, read_run, safe_name

APPENDER = """
import sys
from pgpipe.tracking.spool import Run, Spool
name, shared = sys.argv[1], {"shared": 0.0}
spool = Spool(Run(key="k", name="n", experiment="e", params={}, tags={}, started_ms=0))
for step in range(200):
    spool.append(step, {name: float(step), **shared})
"""


def a_run(**changes: object) -> Run:
    run = Run(key="k", name="n", experiment="e", params={}, tags={"a": "1"}, started_ms=0)
    return run.model_copy(update=changes)


def logged(spool: Spool) -> list[tuple[int, str, float]]:
    points, _ = read_points(spool.folder / "metrics.jsonl")
    return [(p.step, name, value) for p in points for name, value in p.values.items()]


def test_the_first_value_of_a_step_stays(project: Path) -> None:
    spool = Spool(a_run())
    spool.append(100, {"loss": 1.0})
    spool.append(100, {"loss": 2.0, "fade": 0.5})
    spool.append(200, {"loss": 3.0})
    Spool(a_run()).append(200, {"loss": 4.0})  # the stage again, in another process
    assert logged(spool) == [(100, "loss", 1.0), (100, "fade", 0.5), (200, "loss", 3.0)]


def test_a_repetition_writes_nothing(project: Path) -> None:
    spool = Spool(a_run())
    spool.append(1, {"loss": 1.0})
    before = (spool.folder / "metrics.jsonl").read_bytes()
    Spool(a_run()).append(1, {"loss": 1.0})
    assert (spool.folder / "metrics.jsonl").read_bytes() == before


def test_what_is_not_finite_is_left_out(project: Path) -> None:
    spool = Spool(a_run())
    spool.append(1, {"nan": math.nan, "inf": math.inf, "loss": 1.0})
    assert logged(spool) == [(1, "loss", 1.0)]


def test_a_torn_line_costs_only_itself(project: Path) -> None:
    spool = Spool(a_run())
    spool.append(1, {"loss": 1.0})
    spool.append(2, {"loss": 2.0})
    file = spool.folder / "metrics.jsonl"
    whole = file.read_bytes()
    for lost in range(1, 40):  # wherever the last line was cut
        file.write_bytes(whole[:-lost])
        assert logged(spool) == [(1, "loss", 1.0)]
        again = Spool(a_run())
        again.append(2, {"loss": 2.0})
        again.append(3, {"loss": 3.0})
        assert logged(spool) == [(1, "loss", 1.0), (2, "loss", 2.0), (3, "loss", 3.0)]


def test_processes_that_append_at_once_lose_and_double_nothing(project: Path) -> None:
    command = [sys.executable, "-c", APPENDER]
    processes = [subprocess.Popen([*command, name]) for name in ("one", "two")]
    assert [process.wait() for process in processes] == [0, 0]
    found = logged(Spool(a_run()))
    assert len(found) == len(set(found))
    expected = {(s, n, float(s)) for s in range(200) for n in ("one", "two")}
    assert set(found) == expected | {(s, "shared", 0.0) for s in range(200)}


def test_a_run_that_goes_on_keeps_its_name_and_takes_new_tags(project: Path) -> None:
    spool = Spool(a_run())
    spool.set_tags({"device": "cpu"})
    spool.add_dataset("d", Dataset(digest="1", source="data", profile={"count": 3}))
    spool.set_status("FAILED")
    assert read_run(spool.folder).ended_ms is not None
    Spool(a_run(name="other", tags={"a": "2"}))
    run = read_run(spool.folder)
    assert (run.name, run.status, run.ended_ms) == ("n", "RUNNING", None)
    assert run.tags == {"a": "2", "device": "cpu"}
    assert run.datasets["d"].profile == {"count": 3}


def test_artifacts_are_copies(project: Path) -> None:
    file = project / "grid.png"
    file.write_bytes(b"old")
    spool = Spool(a_run())
    spool.add_artifact(file, "previews/r4")
    file.unlink()
    assert (spool.folder / "artifacts" / "previews" / "r4" / "grid.png").read_bytes() == b"old"


def test_names_become_names_that_mlflow_takes() -> None:
    names = {"swd/32": "swd/32", "train@r4": "train_r4", "/a//b/../c": "a/c", "..": "_"}
    assert {name: safe_name(name) for name in names} == names
