"""A phase that is interrupted anywhere ends at the same bits, whatever is switched on."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from specs import CODER, MLP, ROW_A
from tinyphase import (
    FIRST_STEPS,
    MINIBATCH,
    STEPS,
    Count,
    Place,
    facts_of,
    is_finished,
    last_state,
)

from pgpipe.errors import Interrupted
from pgpipe.plumbing import tensors
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.phase import PhaseTraining

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("step", range(1, STEPS))
def test_interrupted_anywhere_it_ends_at_the_same_bits(
    step: int, place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    place.interrupted(tmp_path, step)
    assert int(last_state(tmp_path).name.split("-")[0]) == step * MINIBATCH
    place.run(tmp_path)
    assert last_state(tmp_path).name == last_state(whole[0]).name
    assert last_state(tmp_path).read_bytes() == last_state(whole[0]).read_bytes()


def test_interrupted_after_every_step_it_ends_at_the_same_bits(
    place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    for _ in range(STEPS - 1):
        place.interrupted(tmp_path, 1)
    place.run(tmp_path)
    assert last_state(tmp_path).name == last_state(whole[0]).name


def test_same_inputs_give_the_same_bytes(
    place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    place.run(tmp_path)
    assert last_state(tmp_path).read_bytes() == last_state(whole[0]).read_bytes()


def test_saving_more_often_changes_nothing(
    place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    place.run(tmp_path, checkpoint_minutes=1e-9)
    assert last_state(tmp_path).name == last_state(whole[0]).name


def test_a_request_during_the_last_step_lets_the_phase_finish(place: Place, tmp_path: Path) -> None:
    place.run(tmp_path, last=STEPS)
    assert is_finished(tmp_path)


def test_an_interruption_says_where_and_that_the_state_is_saved(
    place: Place, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted, match=r"r8: interrupted at 0\.048 kimg, state saved"):
        place.run(tmp_path, last=1)  # 40 images of r4, 8 of r8
    assert [int(p.name.split("-")[0]) for p in StateFolder(tmp_path).states()] == [MINIBATCH]


def test_a_request_at_any_moment_finds_the_state_saved(place: Place, tmp_path: Path) -> None:
    answers = iter([False, True])  # the signal comes between two looks at it
    with pytest.raises(Interrupted, match="state saved"):
        place.training(tmp_path, Count()).run(lambda: next(answers))
    assert StateFolder(tmp_path).states()


def test_nothing_goes_on_after_the_end(place: Place, tmp_path: Path) -> None:
    place.run(tmp_path)
    before = last_state(tmp_path)
    assert place.run(tmp_path).steps == []
    assert last_state(tmp_path) == before


def test_rows_are_not_doubled_by_interruptions(
    place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    for _ in range(3):
        place.interrupted(tmp_path, 3)  # each at a tick
    place.run(tmp_path)
    assert facts_of(tmp_path) == facts_of(whole[0])


SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lsgan": ({}, {"loss": "lsgan"}),
    "batch norm": ({**ROW_A, "fused_downsampling": False}, {"minibatch_stddev": False}),
    "discrimination": ({"minibatch_discrimination": 3}, {"minibatch_stddev": False}),
    "five discriminator steps": ({}, {"discriminator_steps": 5, "minibatch": 4}),
    "ramp": ({}, {"ramp_up_kimg": 0.1}),
    "moments kept": ({}, {"adam_reset": "never", "adam_beta1": 0.5}),
    "matching at once": ({}, {"label_conditioning": "matching", "updates": "simultaneous"}),
    "projection": ({}, {"label_conditioning": "projection"}),
    "joint": (
        {"minibatch_discrimination": 3},
        {
            "label_conditioning": "joint",
            "loss": "r1",
            "minibatch_stddev": False,
        },
    ),
    "captions": ({"classes": 0, "captions": True}, {"label_conditioning": "matching"}),
    "weak networks": ({"name": "weak", "fused_downsampling": False}, {}),
    "plain steps": ({"latents": "uniform"}, {"optimiser": "sgd", "adam_reset": "never"}),
    "relativistic": ({}, {"loss": "relativistic", "minibatch_stddev": 4}),
    **{
        name: (
            {**CODER, "name": name, "classes": 0},
            {"minibatch_stddev": name == "vae-gan", "label_conditioning": False},
        )
        for name in ("autoencoder", "vae", "vae-gan")
    },
}


@pytest.mark.parametrize(("model", "train"), SETTINGS.values(), ids=SETTINGS)
def test_interrupted_after_every_step_it_ends_at_the_same_bits_with(
    model: dict[str, Any], train: dict[str, Any], tmp_path: Path
) -> None:
    place = Place(tmp_path, model, train).grow()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    steps = len(place.run(whole).steps)
    for _ in range(steps - 1):
        place.interrupted(parts, 1)
    place.run(parts)
    assert last_state(parts).name == last_state(whole).name


def test_networks_that_do_not_grow_drop_the_same_after_every_interruption(tmp_path: Path) -> None:
    """Fully connected, by plain steps, which leave no moments in the state."""
    train = {"minibatch_stddev": False, "loss": "minimax", "optimiser": "sgd"}
    place = Place(tmp_path, {**MLP, "fused_downsampling": False}, train)
    states = {}
    for name, last in (("whole", 10**9), ("parts", 1)):
        folder, pieces = StateFolder(tmp_path / name), 0
        while folder.result(FIRST_STEPS * MINIBATCH) is None:
            listener, pieces = Count(last), pieces + 1
            job, batches = place.first_job(), place.batches(4)
            with suppress(Interrupted):
                PhaseTraining(job, batches, folder, listener).run(listener.stop)
        assert pieces == (1 if name == "whole" else FIRST_STEPS)
        states[name] = folder.states()[-1]
    assert states["parts"].name == states["whole"].name
    saved = tensors.read(states["whole"])[0]
    assert not [name for name in saved if name.startswith("adam.")]


@pytest.mark.parametrize(
    ("loss", "kept"), [("lsgan", True), ("wgan-gp", False), ("non-saturating", False)]
)
def test_running_fake_score_is_in_the_state_and_goes_on_into_the_next_phase(
    loss: str, kept: bool, tmp_path: Path
) -> None:
    place = Place(tmp_path, {}, {"loss": loss}).grow()
    saved, _ = tensors.read(place.first.states()[-1])
    assert ("fake_score" in saved) == kept
    found = place.training(tmp_path / "states", Count()).networks.fake_score
    assert (found is not None) == kept
    if found is not None:
        assert 0 < found < 1
        assert found.equal(saved["fake_score"])
