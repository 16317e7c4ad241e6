"""What results depend on beside their inputs is recorded, and a change of it is said."""

from pathlib import Path

import pytest
import torch
from specs import train_section
from tinyphase import R8, Count, Place, facts_of

from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.start import PLATFORM_DIGITS, state_key, warn_of_other_platforms

SECTION = train_section(threads=1)
HERE = {
    "torch": torch.__version__,
    "device": "cpu",
    "instructions": torch.backends.cpu.get_cpu_capability(),
    "threads": 1,
    "world_size": 1,
}
INPUTS = "r8-0123456789abcdef01234567"  # of a key, the digits that stand for what goes in


def states(folder: Path, name: str, **platform: object) -> StateFolder:
    """A state that something else than this has made."""
    made = StateFolder(folder / name)
    facts = {"progress": {"images": 8}, "platform": {**HERE, **platform}}
    made.save(8, {"weight": torch.ones(1)}, facts)
    return made


def test_a_state_records_it(whole: tuple[Path, Count]) -> None:
    assert facts_of(whole[0])["platform"] == HERE


def test_a_change_is_said_where_a_phase_starts_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states(tmp_path, f"{INPUTS}11111111", torch="2.0", threads=4)
    warn_of_other_platforms(StateFolder(tmp_path / f"{INPUTS}22222222"), SECTION)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"the states in {INPUTS}11111111 would give other bits" in line
    assert line.endswith(f"(torch 2.0, here {torch.__version__}, threads 4, here 1)")


def test_nothing_is_said_of_other_inputs_nor_where_a_phase_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = StateFolder(tmp_path / f"{INPUTS}22222222")
    states(tmp_path, f"{INPUTS[:-1]}811111111", torch="2.0")
    warn_of_other_platforms(mine, SECTION)
    states(tmp_path, f"{INPUTS}11111111", torch="2.0")
    states(tmp_path, mine.folder.name)
    warn_of_other_platforms(mine, SECTION)
    assert capsys.readouterr().err == ""


def test_the_last_digits_of_a_key_stand_for_it(place: Place) -> None:
    def key(**changes: object) -> str:
        section = train_section(**{"threads": 1, **changes})
        return state_key(R8, section, place.first.states()[-1], place.layers, {})

    inputs, platform = key()[:-PLATFORM_DIGITS], key()[-PLATFORM_DIGITS:]
    assert key(threads=2)[:-PLATFORM_DIGITS] == inputs
    assert key(threads=2)[-PLATFORM_DIGITS:] != platform
    assert key(seed=9)[:-PLATFORM_DIGITS] != inputs
    assert key(seed=9)[-PLATFORM_DIGITS:] == platform
    assert key(checkpoint_minutes=1.0) == key()
