"""A damaged state is never used: it is named, set aside, and the one before it taken."""

import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tinyphase import END, Place, damage, last_state
from tinyproject import Project

from faults.trials import Trials
from faults.warm import Command
from pgpipe.errors import IntegrityError
from pgpipe.plumbing import tensors
from pgpipe.training.checkpoint import ENDS, StateFolder

INTEGRITY = 3  # the exit code
BLOCK = 512  # bytes that a disk loses at once


def flip(path: Path, draw: random.Random) -> None:
    """One bit, anywhere."""
    flip_within(path, draw, 0, path.stat().st_size)


def flip_length(path: Path, draw: random.Random) -> None:
    """One bit of the header's length."""
    flip_within(path, draw, 0, 8)


def flip_header(path: Path, draw: random.Random) -> None:
    """One bit of the JSON."""
    flip_within(path, draw, 8, 8 + int.from_bytes(path.read_bytes()[:8], "little"))


def flip_tensors(path: Path, draw: random.Random) -> None:
    """One bit of the tensors."""
    data = path.read_bytes()
    flip_within(path, draw, 8 + int.from_bytes(data[:8], "little"), len(data))


def flip_within(path: Path, draw: random.Random, start: int, end: int) -> None:
    data = bytearray(path.read_bytes())
    data[draw.randrange(start, end)] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def truncate(path: Path, draw: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: draw.randrange(path.stat().st_size)])


def zero_block(path: Path, draw: random.Random) -> None:
    """A block of zeros, as after a lost write; the header's first one at least is none already."""
    data = path.read_bytes()
    starts = [n for n in range(0, len(data), BLOCK) if any(data[n : n + BLOCK])]
    start = draw.choice(starts)
    path.write_bytes(data[:start] + bytes(len(data[start : start + BLOCK])) + data[start + BLOCK :])


def append(path: Path, draw: random.Random) -> None:
    path.write_bytes(path.read_bytes() + draw.randbytes(draw.randrange(1, 2 * BLOCK)))


def rename(path: Path, draw: random.Random) -> None:
    """Another digit somewhere in the name."""
    stem = path.stem
    place = draw.choice([n for n in range(len(stem)) if stem[n] != "-"])
    other = draw.choice([digit for digit in "0123456789" if digit != stem[place]])
    path.rename(path.with_stem(stem[:place] + other + stem[place + 1 :]))


CORRUPTIONS: tuple[Callable[[Path, random.Random], None], ...] = (
    flip, flip_length, flip_header, flip_tensors, truncate, zero_block, append, rename,
)  # fmt: skip


@pytest.fixture(scope="module")
def interrupted(place: Place) -> Path:
    """Two intact states, of the steps 6 and 8."""
    states = place.folder / "interrupted"
    place.interrupted(states, 8)
    assert len(StateFolder(states).states()) == 2
    return states


def is_state(found: tuple[tensors.Tensors, object] | None, path: Path) -> bool:
    """Whether what was found is what an intact file holds, to the bit."""
    named, facts = tensors.read(path)
    assert found is not None
    return found[1] == facts and tensors.dump(*found) == tensors.dump(named, facts)


def copy(states: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    return shutil.copytree(states, target, ignore=shutil.ignore_patterns("previews"))


def test_a_damaged_newest_state_gives_way_to_the_one_before(
    place: Place,
    interrupted: Path,
    whole: tuple[Path, object],
    tmp_path: Path,
    trials: Trials,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, newest = StateFolder(interrupted).states()
    number = trials.number(smoke=80, everything=600)
    for trial in range(number):
        states = copy(interrupted, tmp_path / "states")
        trials.random.choice(CORRUPTIONS)(states / newest.name, trials.random)
        (bad,) = {path.name for path in states.glob("*.safetensors")} - {before.name}
        damaged = (states / bad).read_bytes()
        assert is_state(StateFolder(states).newest(), before)
        if bad < before.name:  # a changed name may make it the older one, which nobody reads
            continue
        assert f"{bad}: damaged" in capsys.readouterr().err
        assert (states / bad).with_suffix(".damaged").read_bytes() == damaged
        if trial % 20 == 0:
            place.run(states)
            assert last_state(states).read_bytes() == last_state(whole[0]).read_bytes()
    trials.reached(f"{number} corruptions of the newest state: the one before is used, bit-exact")


def test_with_both_states_damaged_both_are_named(
    place: Place, interrupted: Path, tmp_path: Path, trials: Trials
) -> None:
    number = trials.number(smoke=20, everything=300)
    for _ in range(number):
        states = copy(interrupted, tmp_path / "states")
        for path in StateFolder(states).states():
            trials.random.choice(CORRUPTIONS)(path, trials.random)
        names = [path.stem for path in StateFolder(states).states()]
        for _ in range(2):  # the next command finds them set aside, and says the same
            with pytest.raises(IntegrityError) as refused:
                StateFolder(states).newest()
            assert refused.value.exit_code == INTEGRITY
            assert all(f"{name}.damaged" in str(refused.value) for name in names)
    trials.reached(f"{number} corruptions of both states: exit 3, both are named")


def test_a_damaged_result_is_none(
    whole: tuple[Path, object], tmp_path: Path, trials: Trials
) -> None:
    """The file of the end, or the state that it names: the phase then is not finished."""
    final = last_state(whole[0])
    number = trials.number(smoke=20, everything=300)
    for _ in range(number):
        states = copy(whole[0], tmp_path / "states")
        (end,) = (states / ENDS).iterdir()
        victim = trials.random.choice([end, states / final.name])
        possible = [c for c in CORRUPTIONS if victim != end or c in (flip, truncate, append)]
        trials.random.choice(possible)(victim, trials.random)
        assert StateFolder(states).result(END) is None
        expected = final if victim == end else StateFolder(whole[0]).states()[-2]
        assert is_state(StateFolder(states).newest(), expected)
    trials.reached(f"{number} corruptions of the end or its state: it is no result")


def test_the_command_ends_with_one_line_that_names_both(untrained: Project) -> None:
    stage = Command(untrained.folder, "train", "r4")
    while stage.runs(0.002) and stage.trained < 250:
        pass
    stage.send(signal.SIGKILL)
    (folder,) = untrained.folder.glob(".pgpipe/state/r4-*")
    names = [path.stem for path in StateFolder(folder).states()]
    assert len(names) == 2
    for path in StateFolder(folder).states():
        damage(path)
    again = Command(untrained.folder, "train", "r4")
    assert again.end() == INTEGRITY
    *warnings, error = again.output.splitlines()
    assert all(line.startswith("pgpipe: warning: ") for line in warnings)
    aside = [line for line in warnings if "tracking:" not in line]  # whose store may be slow
    assert len(aside) == 2
    assert all("set aside" in line for line in aside)
    assert error.startswith("pgpipe: error:")
    assert all(f"{name}.damaged" in error for name in names)
