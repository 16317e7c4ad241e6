"""The states of a running phase, and what a finished one gives. tests/faults damages them."""

import csv
import os
import threading
import time
from pathlib import Path

import pytest
from tinyphase import END, R4, R8, STEPS, Count, Place, damage, facts_of, is_finished, last_state

from pgpipe.errors import IntegrityError, LockedError
from pgpipe.gan.config import NetworkSpec
from pgpipe.plumbing import tensors
from pgpipe.plumbing.layout import GENERATOR, HISTORY, STATE
from pgpipe.training import result
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.job import rows_of


def test_the_last_two_states_are_kept(whole: tuple[Path, Count]) -> None:
    images = [int(path.name.split("-")[0]) for path in StateFolder(whole[0]).states()]
    assert images == [96, 104]


def emit(place: Place, states: Path, target: Path, end: int = END) -> None:
    result.emit(StateFolder(states), end, None, place.section(), states / "before", target)


def test_finished_is_said_at_the_end_alone(place: Place, tmp_path: Path) -> None:
    place.interrupted(tmp_path, STEPS - 1)
    assert not is_finished(tmp_path)
    place.run(tmp_path)
    assert is_finished(tmp_path)


def test_a_state_holds_all_that_the_next_phase_needs(
    place: Place, whole: tuple[Path, Count]
) -> None:
    named, facts = tensors.read(last_state(whole[0]))
    prefixes = {name.split(".")[0] for name in named}
    assert prefixes == {"generator", "discriminator", "average", "adam", "preview"}
    assert facts["images_seen"] == R4.images + R8.images
    assert NetworkSpec(**facts["spec"]) == place.spec


def test_result_is_the_newest_state_of_a_finished_phase(
    place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    emit(place, whole[0], tmp_path / "r8")
    assert (tmp_path / "r8" / STATE).read_bytes() == last_state(whole[0]).read_bytes()
    named, _ = tensors.read(tmp_path / "r8" / GENERATOR)
    state, _ = tensors.read(last_state(whole[0]))
    assert all(value.equal(state[f"average.{name}"]) for name, value in named.items())
    with (tmp_path / "r8" / HISTORY).open() as file:
        written = [float(row["kimg"]) for row in csv.DictReader(file)]
    assert written == [row["kimg"] for row in rows_of(facts_of(whole[0]))]


def test_a_finished_phase_gives_no_earlier_state_as_its_result(
    place: Place, tmp_path: Path
) -> None:
    place.run(tmp_path / "states")
    damage(last_state(tmp_path / "states"))
    try:
        emit(place, tmp_path / "states", tmp_path / "r8")
    except IntegrityError:
        return  # refused: as good as a result trained again
    _, facts = tensors.read(tmp_path / "r8" / STATE)
    assert facts["images_seen"] == R4.images + R8.images


def test_a_lock_is_free_again_after_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with StateFolder(tmp_path).locked():
            pass


def test_who_waits_for_the_states_gets_them_when_their_holder_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of a study that train one phase for longer and shorter meet in a queue."""
    states, order = StateFolder(tmp_path), list[str]()

    def later() -> None:
        with StateFolder(tmp_path).locked(wait=True):
            order.append("waited")

    with states.locked():
        with pytest.raises(LockedError, match=f"process {os.getpid()} trains here"):
            states.locked().__enter__()
        other = threading.Thread(target=later)
        other.start()
        deadline = time.monotonic() + 60
        while "waits for process" not in capsys.readouterr().err:
            assert time.monotonic() < deadline, "never said"
            time.sleep(0.01)
        order.append("held")
    other.join(timeout=10)
    assert order == ["held", "waited"]
