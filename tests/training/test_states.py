"""The states of a running phase: kept, verified, locked; what a finished phase gives."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tinyphase import MINIBATCH, R4, R8, STEPS, Count, Place, damage, facts_of, last_state

from pgpipe import tensors
from pgpipe.errors import IntegrityError, LockedError
from pgpipe.layout import GENERATOR, HISTORY, STATE
from pgpipe.nets.config import NetworkSpec
from pgpipe.training import result
from pgpipe.training.checkpoint import StateFolder


def test_the_last_two_states_are_kept(whole: tuple[Path, Count]) -> None:
    images = [int(path.name.split("-")[0]) for path in StateFolder(whole[0]).states()]
    assert images == [96, 104]


def test_finished_is_said_at_the_end_alone(place: Place, tmp_path: Path) -> None:
    place.interrupted(tmp_path, STEPS - 1)
    assert not StateFolder(tmp_path).result
    place.run(tmp_path)
    assert StateFolder(tmp_path).result


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
    result.emit(StateFolder(whole[0]), place.section(), tmp_path / "before", tmp_path / "r8")
    assert (tmp_path / "r8" / STATE).read_bytes() == last_state(whole[0]).read_bytes()
    named, _ = tensors.read(tmp_path / "r8" / GENERATOR)
    state, _ = tensors.read(last_state(whole[0]))
    assert all(value.equal(state[f"average.{name}"]) for name, value in named.items())
    with (tmp_path / "r8" / HISTORY).open() as file:
        written = [float(row["kimg"]) for row in csv.DictReader(file)]
    assert written == [row["kimg"] for row in facts_of(whole[0])["progress"]["rows"]]


def test_a_damaged_newest_state_falls_back_to_the_one_before(
    place: Place, whole: tuple[Path, Count], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place.interrupted(tmp_path, 8)
    damage(last_state(tmp_path))
    listener = place.run(tmp_path)
    assert listener.steps[0][0] == 7 * MINIBATCH  # on from the state of step 6
    assert last_state(tmp_path).name == last_state(whole[0]).name
    assert "damaged (hash differs), set aside" in capsys.readouterr().err
    assert len(list(tmp_path.glob("*.damaged"))) == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 5000])
def test_a_torn_newest_state_falls_back_to_the_one_before(
    content: bytes, place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    place.interrupted(tmp_path, 8)
    last_state(tmp_path).write_bytes(content)
    place.run(tmp_path)
    assert last_state(tmp_path).name == last_state(whole[0]).name


def test_with_all_states_damaged_nothing_is_trained(place: Place, tmp_path: Path) -> None:
    place.interrupted(tmp_path, 8)
    for path in StateFolder(tmp_path).states():
        damage(path)
    with pytest.raises(IntegrityError, match="all states are damaged; delete it to start anew"):
        place.run(tmp_path)


def test_a_finished_phase_gives_no_earlier_state_as_its_result(
    place: Place, tmp_path: Path
) -> None:
    place.run(tmp_path / "states")
    damage(last_state(tmp_path / "states"))
    try:
        result.emit(
            StateFolder(tmp_path / "states"), place.section(), tmp_path / "before", tmp_path / "r8"
        )
    except IntegrityError:
        return  # refused: as good as a result trained again
    _, facts = tensors.read(tmp_path / "r8" / STATE)
    assert facts["images_seen"] == R4.images + R8.images


HOLD = """
import os, sys
from pathlib import Path
from pgpipe.training.checkpoint import StateFolder
with StateFolder(Path(sys.argv[1])).locked():
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_told_the_first_ones_pid(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        pid = int(other.stdout.readline())
        try:
            with (
                pytest.raises(LockedError, match=rf"process {pid} trains here"),
                StateFolder(tmp_path).locked(),
            ):
                pass
        finally:
            other.send_signal(signal.SIGKILL)
    with StateFolder(tmp_path).locked():  # the lock died with its holder
        pass


def test_a_lock_is_free_again_after_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with StateFolder(tmp_path).locked():
            pass
