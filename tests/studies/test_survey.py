"""Experiments are matched with runs and tasks by parameters, never by names."""

from contextlib import nullcontext
from typing import Any

import pytest

from pgpipe.config import Document
from pgpipe.experiments.queue import Task
from pgpipe.experiments.revisions import Ref
from pgpipe.experiments.runs import Run
from pgpipe.studies import fill
from pgpipe.studies.survey import free_name, survey
from pgpipe.studies.table import Experiment

METRICS = {"swd_avg": 1.0}


def document(row: str, seed: int = 0, **more: Any) -> Document:
    return {"train": {"seed": seed, "row": row}, **more}


def experiment(row: str, data: str = "photos") -> Experiment:
    return Experiment("table1", data, row, 0, document(row, data=data))


def run(of: Experiment, name: str = "", time: int = 0, protocol: str = "p", **more: Any) -> Run:
    ref = Ref(name or of.name, f"{name}{time}{protocol}{of.name}", time)
    return Run(ref, {**of.document, **more}, METRICS, protocol)


def test_what_is_done_queued_or_missing() -> None:
    a, b, c = map(experiment, "abc")
    task = Task("any", "queued", b.document, None)
    states = [s.state for s in survey([a, b, c], [run(a, "mine")], [task]).standings]
    assert states == ["done", "queued", "missing"]


def test_status_is_a_grid_of_rows_and_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [
        Experiment("table1", "photos", row, seed, document(row, seed))
        for row in "ab"
        for seed in range(3)
    ]
    failed = Task(wanted[4].name, "failed", wanted[4].document, None, "no memory")
    monkeypatch.setattr(fill, "dvc_repo", nullcontext)
    monkeypatch.setattr(fill, "finished", lambda: [run(wanted[0]), run(wanted[1], "mine")])
    monkeypatch.setattr(fill, "all_tasks", lambda _: [failed])
    grids, (alias, error, advice) = fill.status(wanted, {"a": "first", "b": "+ one"})
    assert grids == {
        "photos": [
            ["a", "first", "done 1.00", "done 1.00", "missing"],
            ["b", "+ one", "missing", "failed", "missing"],
        ]
    }
    assert alias == "table1-photos-a-s1: done as mine"
    assert error == "table1-photos-b-s1: failed: no memory"
    assert advice.startswith("dvc queue logs table1-photos-b-s1 shows all")


def test_name_without_the_parameters_is_outdated() -> None:
    a = experiment("a")
    found = survey([a], [run(a, extra=1), run(a, "table1-photos-a-s0-r2", extra=2)], [])
    assert found.standings[0].state == "missing"
    assert set(found.outdated) == {"table1-photos-a-s0", "table1-photos-a-s0-r2"}
    assert all("other parameters" in reason for reason in found.outdated.values())


def test_foreign_experiments_are_not_mentioned() -> None:
    a = experiment("a")
    assert survey([a], [run(experiment("b"), "no-stddev")], []).outdated == {}


def test_tracking_elsewhere_is_the_same_run() -> None:
    a = experiment("a")
    assert survey([a], [run(a, tracking={"enabled": False})], []).standings[0].state == "done"


def test_protocols_are_not_mixed_on_a_data_set() -> None:
    """The newest run's protocol counts; another data set has its own."""
    a, b, other = experiment("a"), experiment("b"), experiment("a", "celeba")
    runs = [run(b, time=2, protocol="new"), run(a, time=1, protocol="old"), run(other, time=0)]
    found = survey([a, b, other], runs, [])
    assert [s.state for s in found.standings] == ["missing", "done", "done"]
    assert found.outdated == {a.name: "trained in another precision, or scored by another protocol"}


def test_what_other_code_has_made_is_not_done() -> None:
    a, b = experiment("a"), experiment("b")
    edited = run(a, time=2)._replace(current=False)
    found = survey([a, b], [edited, run(b)], [])
    assert [s.state for s in found.standings] == ["missing", "done"]
    assert found.outdated == {a.name: "made by other code than today's"}
    earlier = run(a, "before the edit", time=1)  # and again, where the edit is undone
    (standing,) = survey([a], [edited, earlier], []).standings
    assert standing.run == earlier


def test_newest_of_equal_runs_counts() -> None:
    a = experiment("a")
    (standing,) = survey([a], [run(a, "new", time=2), run(a, "old", time=1)], []).standings
    assert standing.run is not None
    assert standing.run.ref.name == "new"


def test_free_name_counts_repetitions() -> None:
    assert free_name("x-s0", set()) == "x-s0"
    assert free_name("x-s0", {"x-s0", "x-s0-r2"}) == "x-s0-r3"
