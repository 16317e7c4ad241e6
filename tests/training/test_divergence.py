"""Training that reaches what is no number ends, and keeps the last good state."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tinyphase import STEPS, TICK, Count, Place, facts_of
from torch import Tensor

from pgpipe import tensors
from pgpipe.errors import DivergedError, Interrupted
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.objective import Minibatch
from pgpipe.training.phase import PhaseTraining


def poisoned(training: PhaseTraining, step: int) -> PhaseTraining:
    """Make G's weights not a number in the update of the given step, as an overflow would."""
    real_step = training.step
    taken = iter(range(1, STEPS + 1))

    def poisoning(batches: Sequence[Minibatch]) -> Tensor:
        figures = real_step(batches)
        if next(taken) == step:
            training.networks.generator.get_parameter("blocks.4.conv.bias").data.fill_(math.nan)
        return figures

    training.step = poisoning  # type: ignore[assignment]
    return training


def every_number(states: Path) -> Tensor:
    found = [tensors.read(path)[0] for path in StateFolder(states).states()]
    values = [value.flatten().double() for named in found for value in named.values()]
    return torch.cat([torch.zeros(0, dtype=torch.float64), *values])


def test_a_loss_that_is_no_number_ends_the_phase(place: Place, tmp_path: Path) -> None:
    with pytest.raises(
        DivergedError, match=r"r8: loss_g is not finite at 0\.088 kimg; lower the learn"
    ):
        poisoned(place.training(tmp_path, Count()), step=4).run()
    assert not StateFolder(tmp_path).result


def test_a_learning_rate_beyond_reason_ends_the_phase(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        place.run(tmp_path, learning_rate=1e39)
    assert StateFolder(tmp_path).states() == []


def test_a_diverged_phase_keeps_the_last_good_state(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        poisoned(place.training(tmp_path, Count()), step=4).run()
    assert [int(p.name.split("-")[0]) for p in StateFolder(tmp_path).states()] == [TICK]
    assert every_number(tmp_path).isfinite().all()
    assert len(facts_of(tmp_path)["progress"]["rows"]) == 3


def test_no_state_between_ticks_holds_what_is_no_number(place: Place, tmp_path: Path) -> None:
    training = place.training(tmp_path, Count(), checkpoint_minutes=1e-9)  # a state each step
    with pytest.raises(DivergedError):
        poisoned(training, step=4).run()  # two steps before a tick
    assert len(every_number(tmp_path)) > 0  # the last good state is kept
    assert every_number(tmp_path).isfinite().all()


def test_an_interruption_saves_nothing_that_is_no_number(place: Place, tmp_path: Path) -> None:
    listener = Count(last=5)
    with pytest.raises((DivergedError, Interrupted)):
        poisoned(place.training(tmp_path, listener), step=4).run(listener.stop)
    assert every_number(tmp_path).isfinite().all()


def test_a_phase_does_not_finish_on_what_is_no_number(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        poisoned(place.training(tmp_path, Count()), step=STEPS).run()
    assert not StateFolder(tmp_path).result
    assert every_number(tmp_path).isfinite().all()
