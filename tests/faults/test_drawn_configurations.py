"""What `check` accepts runs to its end, or is refused for a reason that lies in the data.

Documents are drawn from the schema: losses, networks, labels, minibatches, growth, images. They
come from the trials' seed, as most are refused or run within a second, and none need be made small.
"""

from collections import Counter
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from faults.drawn import ALL, SIZES, Document, document
from faults.pipelines import Pipelines
from faults.trials import Trials
from pgpipe.errors import UsageError
from pgpipe.gan import micro_batches
from stages import check

OF_DATA = {"check", "prepare", "gate", "init"}  # stages that may refuse


@pytest.fixture
def pipelines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numerics_as_before: None
) -> Pipelines:
    return Pipelines(tmp_path, monkeypatch)


def accepted(trials: Trials, sets: int) -> tuple[Document, check.Params]:
    """The next document that `check` accepts."""
    while True:
        drawn = document(trials.random, sets)
        with suppress(UsageError):
            return drawn, check.check(drawn, "params.yaml")


def require_parts_of_processes(params: check.Params) -> None:
    """Each minibatch is whole in the hands of several processes, or they are refused."""
    for phase in params.growth.phases.values():
        size, most = phase.minibatch or params.train.minibatch, params.train.minibatch_per_device
        for count in (1, 2, 3):
            asked = params.model, params.train, size, count
            with suppress(ValueError) if count > 1 else nullcontext():
                found = [part for rank in range(count) for part in micro_batches.rows(*asked, rank)]
                assert sorted(sample for part in found for sample in part) == list(range(size))
                assert all(len(part) <= (most or size) for part in found)


def divides(params: check.Params, processes: int) -> bool:
    """Whether so many processes can have a part of each minibatch."""
    minibatches = (p.minibatch or params.train.minibatch for p in params.growth.phases.values())
    with suppress(ValueError):
        return all(
            micro_batches.count(params.model, params.train, n, processes) for n in minibatches
        )
    return False


def test_what_check_accepts_runs(trials: Trials, pipelines: Pipelines) -> None:
    ends: Counter[str] = Counter()
    for _ in range(trials.number(16, 300)):
        drawn, params = accepted(trials, trials.number(5, 40))
        require_parts_of_processes(params)
        try:
            outcome = pipelines.run(drawn)
        except Exception as error:
            raise AssertionError(f"accepted, and failed: {drawn}") from error
        assert not outcome.missing, drawn
        ends[outcome.refused_by] += 1
    trials.reached(f"{ends['']} ran, {ends.total() - ends['']} refused for their data")
    assert ends.keys() <= {"", *OF_DATA}
    assert ends[""] > ends.total() / 2


@pytest.mark.faults
def test_it_runs_in_two_processes(trials: Trials, pipelines: Pipelines) -> None:
    """Of a few documents the minibatches do not divide, which is said."""
    ends: Counter[str] = Counter()
    while ends[""] < trials.number(1, 4):
        drawn, params = accepted(trials, 8)
        if divides(params, 2) or trials.random.random() < 0.02:
            ends[pipelines.run(drawn, processes=2).refused_by] += 1
    trials.reached(f"{ends['']} of {ends.total()} ran, {ends['processes']} did not divide")
    assert ends.keys() <= {"", "processes", *OF_DATA}


def test_what_is_drawn_is_all_that_there_is() -> None:
    assert ALL.keys() >= SIZES.keys(), "rows of parameters that are no more"
