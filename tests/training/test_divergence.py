"""Numbers that are not finite: a chance fault leaves no trace, what comes again ends the phase."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tinyphase import MINIBATCH, R4, STEPS, TICK, Count, Place, facts_of, is_finished, last_state
from torch import Tensor

from pgpipe.errors import DivergedError, Interrupted
from pgpipe.plumbing import tensors
from pgpipe.training import finite
from pgpipe.training import phase as phases
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.finite import not_finite
from pgpipe.training.job import Job
from pgpipe.training.phase import PhaseTraining

pytestmark = pytest.mark.slow

Poison = Callable[[PhaseTraining], None]  # what it does to a training


def poisoned(training: PhaseTraining, poison: Poison, step: int, times: int) -> PhaseTraining:
    """Have `poison` work after the given step, as often as it is trained but at most `times`."""
    real, left = training.train_step, iter(range(times))

    def train_step() -> None:
        real()
        if training.progress.images == step * MINIBATCH and next(left, None) is not None:
            poison(training)

    training.train_step = train_step  # type: ignore[method-assign]
    return training


def in_weights(training: PhaseTraining) -> None:
    training.networks.generator.get_parameter("blocks.4.conv.bias").data.fill_(math.nan)


def every_number(states: Path) -> Tensor:
    found = [tensors.read(path)[0] for path in StateFolder(states).states()]
    values = [value.flatten().double() for named in found for value in named.values()]
    return torch.cat([torch.zeros(0, dtype=torch.float64), *values])


# What comes again


def always(place: Place, states: Path, step: int = 4, **changes: float) -> PhaseTraining:
    training = place.training(states, Count(), **changes)
    return poisoned(training, in_weights, step, times=10**9)


def test_what_comes_again_ends_the_phase_and_names_the_tensor(place: Place, tmp_path: Path) -> None:
    message = (
        r"r8: generator\.blocks\.4\.conv\.bias is not finite at 0\.072 kimg, once more after a "
        r"rollback; lower the learning rate"
    )
    monitored = always(place, tmp_path, checkpoint_minutes=1e-9)  # looked at after each step
    with pytest.raises(DivergedError, match=message):
        monitored.run()
    assert not is_finished(tmp_path)


def test_a_learning_rate_beyond_reason_ends_the_phase(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Job, "learning_rate", lambda *_: 1e39)
    with pytest.raises(DivergedError):
        place.run(tmp_path)
    assert StateFolder(tmp_path).states() == []


def test_a_diverged_phase_keeps_the_last_good_state(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        always(place, tmp_path).run()
    assert [int(p.name.split("-")[0]) for p in StateFolder(tmp_path).states()] == [TICK]
    assert every_number(tmp_path).isfinite().all()
    assert len(facts_of(tmp_path)["progress"]["rows"]) == 3


def test_a_diverged_phase_diverges_again_without_another_rollback(
    place: Place, tmp_path: Path
) -> None:
    with pytest.raises(DivergedError):
        always(place, tmp_path).run()
    again = always(place, tmp_path)
    with pytest.raises(DivergedError):
        again.run()
    assert again.progress.images == 2 * TICK, "the next look at the numbers, once"


def test_no_state_between_ticks_holds_what_is_no_number(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        always(place, tmp_path, checkpoint_minutes=1e-9).run()
    assert len(every_number(tmp_path)) > 0  # the last good state is kept
    assert every_number(tmp_path).isfinite().all()


def test_an_interruption_saves_nothing_that_is_no_number(place: Place, tmp_path: Path) -> None:
    training = always(place, tmp_path)
    with pytest.raises((DivergedError, Interrupted)):
        training.run(lambda: len(training.listener.steps) >= 5)  # type: ignore[attr-defined]
    assert every_number(tmp_path).isfinite().all()


def test_a_phase_does_not_finish_on_what_is_no_number(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        always(place, tmp_path, step=STEPS).run()
    assert not is_finished(tmp_path)
    assert every_number(tmp_path).isfinite().all()


# What comes once


def set_one(tensor: Tensor, value: float, pick: random.Random) -> None:
    tensor[tuple(pick.randrange(size) for size in tensor.shape)] = value


def in_loss(training: PhaseTraining, value: float, pick: random.Random) -> None:
    training.sums[pick.randrange(len(training.sums))] = value


def in_network(training: PhaseTraining, value: float, pick: random.Random) -> None:
    _, network = pick.choice(training.networks.named())
    set_one(pick.choice(list(network.parameters())).data, value, pick)


def in_moment(training: PhaseTraining, value: float, pick: random.Random) -> None:
    optimiser = pick.choice(list(training.networks.optimisers.values()))
    states = list(optimiser.moments.values())
    set_one(pick.choice(states)[pick.choice(["exp_avg", "exp_avg_sq"])], value, pick)


def in_gradient(training: PhaseTraining, value: float, pick: random.Random) -> None:
    """In one element of a gradient of the next step."""
    network = pick.choice([training.networks.generator, training.networks.discriminator])
    parameter = pick.choice([p for n, p in network.named_parameters() if "rgb.4" not in n])

    def spoil(gradient: Tensor) -> Tensor:
        handle.remove()
        spoiled = gradient.clone()
        set_one(spoiled, value, pick)
        return spoiled

    handle = parameter.register_hook(spoil)


FURTHER = [pytest.param(seed, marks=pytest.mark.faults) for seed in range(12, 60)]
KINDS = [in_loss, in_network, in_moment, in_gradient]


@pytest.mark.parametrize("seed", [*range(12), *FURTHER])
def test_what_comes_once_leaves_the_bits_of_an_undisturbed_run(
    seed: int, place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    pick = random.Random(seed)
    kind, value = KINDS[seed % 4], pick.choice([math.nan, math.inf, -math.inf])
    step = pick.randrange(2, STEPS - 1)
    training = place.training(tmp_path, Count(), checkpoint_minutes=pick.choice([60.0, 1e-9]))
    poisoned(training, lambda it: kind(it, value, pick), step, times=1).run()
    assert last_state(tmp_path).read_bytes() == last_state(whole[0]).read_bytes()
    (told,) = training.listener.rollbacks  # type: ignore[attr-defined]
    record = json.loads((tmp_path / "rollback.json").read_text())
    assert record == {"tensor": told[0], "kimg": told[1]}
    assert told[2] <= (R4.images + step * MINIBATCH) / 1000 < told[1] + MINIBATCH / 1000
    assert every_number(tmp_path).isfinite().all()


def test_it_is_found_within_the_stated_number_of_steps(
    monkeypatch: pytest.MonkeyPatch, place: Place, tmp_path: Path
) -> None:
    monkeypatch.setattr(phases, "EVERY_STEPS", 2)
    training = place.training(tmp_path, Count(), tick_kimg=1.0)
    poisoned(training, in_weights, step=3, times=1).run()
    ((_, at, back),) = training.listener.rollbacks  # type: ignore[attr-defined]
    assert (at, back) == ((R4.images + 4 * MINIBATCH) / 1000, R4.images / 1000)
    assert finite.EVERY_STEPS <= 50


# The look at the numbers


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_first_tensor_with_such_a_number_is_named(value: float) -> None:
    named = {"a": torch.ones(3), "b": torch.ones(2, 2), "c": torch.tensor([1.0, value])}
    assert not_finite(named) == "c"
    named["b"][1, 0] = value
    assert not_finite(named) == "b"


def test_large_numbers_and_counters_pass() -> None:
    largest = torch.finfo(torch.float32).max
    numbers = {"a": torch.tensor([largest, -largest]), "n": torch.tensor(3), "e": torch.ones(0)}
    assert not_finite(numbers) is None
