"""A phase's length is no part of what its states are: a longer one goes on from a shorter one."""

import filecmp
from pathlib import Path

import pytest
from tinyphase import FADE, MINIBATCH, R8, STABLE, TICK, Count, Place, phase

from pgpipe.errors import Interrupted
from pgpipe.gan.schedule import Phase
from pgpipe.plumbing.layout import PREVIEWS
from pgpipe.training import result
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.job import end_of
from pgpipe.training.phase import PhaseTraining
from pgpipe.training.start import state_key

ODD = 3  # images that are no whole step
LONGER = phase(stable_kimg=(STABLE + 5 * MINIBATCH) / 1000)
LENGTHS = {
    "amid a tick": phase(stable_kimg=(STABLE - 2 * MINIBATCH) / 1000),
    "at a tick": phase(stable_kimg=(4 * TICK - FADE) / 1000),
    "amid a step": phase(stable_kimg=(STABLE - 2 * MINIBATCH - ODD) / 1000),
    "no stable part": phase(stable_kimg=0),
}


def train(place: Place, states: Path, length: Phase, last: int = 10**9) -> Count:
    listener = Count(last)
    training = PhaseTraining(place.job(length), place.batches(8), StateFolder(states), listener)
    training.run(listener.stop)
    return listener


def emit(place: Place, states: Path, length: Phase, target: Path) -> Path:
    end = end_of(length, place.section())
    result.emit(StateFolder(states), end, None, place.section(), states / "before", target)
    return target


def assert_same_files(one: Path, other: Path) -> None:
    names = [str(file.relative_to(one)) for file in one.rglob("*") if file.is_file()]
    assert sorted(names) == sorted(
        str(file.relative_to(other)) for file in other.rglob("*") if file.is_file()
    )
    assert filecmp.cmpfiles(one, other, names, shallow=False)[0] == names


@pytest.mark.slow
@pytest.mark.parametrize("shorter", LENGTHS.values(), ids=LENGTHS)
def test_a_longer_phase_goes_on_with_the_bits_of_one_trained_that_long_at_once(
    shorter: Phase, place: Place, tmp_path: Path
) -> None:
    train(place, tmp_path / "parts", shorter)
    shorter_end = end_of(shorter, place.section())
    steps = train(place, tmp_path / "parts", LONGER).steps
    assert steps[0][0] == shorter_end + MINIBATCH, "it goes on from the shorter one's end"
    train(place, tmp_path / "whole", LONGER)
    ours, wanted = (
        emit(place, tmp_path / name, LONGER, tmp_path / f"model of {name}")
        for name in ("parts", "whole")
    )
    assert_same_files(ours, wanted)
    assert len([*(ours / PREVIEWS).iterdir()]) == -(-LONGER.images // TICK)


def test_the_shorter_phase_is_still_finished_and_the_same(place: Place, tmp_path: Path) -> None:
    train(place, tmp_path / "states", R8)
    before = emit(place, tmp_path / "states", R8, tmp_path / "before")
    train(place, tmp_path / "states", LONGER)
    assert train(place, tmp_path / "states", R8).steps == []
    assert_same_files(emit(place, tmp_path / "states", R8, tmp_path / "after"), before)


def test_a_shorter_phase_after_a_longer_one_ends_with_its_own_bits(
    place: Place, tmp_path: Path
) -> None:
    shorter = LENGTHS["amid a tick"]
    train(place, tmp_path / "states", LONGER)
    train(place, tmp_path / "states", shorter)
    train(place, tmp_path / "alone", shorter)
    assert_same_files(
        emit(place, tmp_path / "states", shorter, tmp_path / "ours"),
        emit(place, tmp_path / "alone", shorter, tmp_path / "wanted"),
    )
    assert train(place, tmp_path / "states", LONGER).steps == [], "the longer one stays finished"


def test_interrupted_on_its_way_from_the_shorter_end_it_ends_at_the_same_bits(
    place: Place, tmp_path: Path
) -> None:
    train(place, tmp_path / "parts", R8)
    with pytest.raises(Interrupted):
        train(place, tmp_path / "parts", LONGER, last=2)
    train(place, tmp_path / "parts", LONGER)
    train(place, tmp_path / "whole", LONGER)
    ours, wanted = (
        StateFolder(tmp_path / name).result(end_of(LONGER, place.section()))
        for name in ("parts", "whole")
    )
    assert ours
    assert wanted
    assert ours.read_bytes() == wanted.read_bytes()


def test_the_next_phase_begins_with_the_row_of_the_end(place: Place, tmp_path: Path) -> None:
    """The phase before, r4, ends amid a tick."""
    rows = place.job().rows_before
    assert [round(1000 * row["kimg"]) for row in rows] == [24, 40]


def test_the_key_of_states_knows_the_fade_and_not_the_stable_part(place: Place) -> None:
    def key(length: Phase) -> str:
        before = place.first.states()[-1]
        return state_key(length, place.section(), before, place.layers, {"r8": "hash"})

    assert key(R8) == key(LONGER)
    assert key(R8) != key(phase(fade_kimg=1.0))
