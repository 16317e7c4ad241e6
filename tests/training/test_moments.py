"""When Adam forgets: where a fade begins and ends, where it begins, never."""

from pathlib import Path

import pytest
from tinyphase import (
    FADE_STEPS,
    FIRST_STEPS,
    STEPS,
    Count,
    Place,
    phase,
)

from pgpipe.plumbing import tensors
from pgpipe.training.phase import PhaseTraining


def moments(training: PhaseTraining) -> set[int]:
    """Steps that Adam has counted, over all weights of both networks that have moments."""
    nets = training.networks
    counted = [adam.moments.values() for adam in nets.optimisers.values()]
    return {int(state["step"]) for states in counted for state in states}


def test_moments_are_reset_when_a_fade_begins_and_when_it_ends(
    place: Place, tmp_path: Path
) -> None:
    saved, _ = tensors.read(place.first.states()[-1])
    assert any(name.startswith("adam.") for name in saved)  # there is something to forget
    training = place.training(tmp_path, Count())
    assert moments(training) == set()
    seen = []
    for _ in range(STEPS):
        training.train_step()
        seen.append(moments(training))
    fading = [{n} for n in range(1, FADE_STEPS + 1)]
    stable = [{n} for n in range(1, STEPS - FADE_STEPS + 1)]
    assert seen == fading + stable


def test_moments_are_reset_at_the_end_of_a_fade_also_when_resumed_there(
    place: Place, tmp_path: Path
) -> None:
    place.interrupted(tmp_path, FADE_STEPS)
    training = place.training(tmp_path, Count())
    assert moments(training) == {FADE_STEPS}
    training.train_step()
    assert moments(training) == {1}


def test_moments_are_kept_when_resumed_elsewhere(place: Place, tmp_path: Path) -> None:
    place.interrupted(tmp_path, FADE_STEPS + 2)
    training = place.training(tmp_path, Count())
    training.train_step()
    assert moments(training) == {3}


def test_a_fade_shorter_than_a_minibatch_ends_with_a_reset(place: Place, tmp_path: Path) -> None:
    training = place.training(tmp_path, Count(), phase=phase(fade_kimg=0.003))
    counted = []
    for _ in range(3):
        training.train_step()
        counted.append(moments(training))
    assert counted == [{1}, {1}, {2}]


def test_growing_forgets_the_moments(place: Place) -> None:
    assert not any(name.startswith("adam.") for name in place.job().tensors)


def counted(training: PhaseTraining, part: str) -> set[int]:
    """Steps that Adam has counted for the weights whose names contain `part`."""
    nets = training.networks
    return {
        int(nets.optimisers[kind].moments[parameter]["step"])
        for kind, net in nets.trained.items()
        for name, parameter in net.named_parameters()
        if part in name and parameter in nets.optimisers[kind].moments
    }


def test_growth_keeps_the_moments_at_the_end_of_a_fade(place: Place, tmp_path: Path) -> None:
    training = place.training(tmp_path, Count(), adam_reset="growth")
    assert moments(training) == set()
    for step in range(1, STEPS + 1):
        training.train_step()
        assert counted(training, "blocks.4.conv") == counted(training, "blocks.8") == {step}


def test_never_keeps_the_moments_and_new_layers_start_without(place: Place, tmp_path: Path) -> None:
    training = place.training(tmp_path, Count(), adam_reset="never")
    saved, _ = tensors.read(place.first.states()[-1])
    assert moments(training) == {FIRST_STEPS}
    for kind, net in training.networks.trained.items():
        prefix = f"adam.{kind}"
        for name, parameter in net.named_parameters():
            state = training.networks.optimisers[kind].moments.get(parameter, {})
            assert bool(state) == (".4." in name)
            for moment, value in state.items():
                assert value.equal(saved[f"{prefix}.{name}.{moment}"])
    for step in range(1, STEPS + 1):
        training.train_step()
        assert counted(training, "blocks.4") == {FIRST_STEPS + step}
        assert counted(training, "blocks.8") == {step}


@pytest.mark.parametrize("reset", ["growth", "never"])
def test_moments_outlast_an_interruption_at_the_end_of_a_fade(
    reset: str, place: Place, tmp_path: Path
) -> None:
    place.interrupted(tmp_path, FADE_STEPS, adam_reset=reset)
    training = place.training(tmp_path, Count(), adam_reset=reset)
    training.train_step()
    assert counted(training, "blocks.8") == {FADE_STEPS + 1}


@pytest.mark.parametrize("fade_kimg", [0.030, 0.048])  # ends within the second step, or with it
def test_discriminator_counts_each_of_its_steps(
    fade_kimg: float, place: Place, tmp_path: Path
) -> None:
    fading = phase(fade_kimg=fade_kimg)
    training = place.training(tmp_path, Count(), phase=fading, discriminator_steps=3)
    seen = []
    for _ in range(4):
        training.train_step()
        seen.append(moments(training))
    assert seen == [{1, 3}, {2, 6}, {1, 3}, {2, 6}]
