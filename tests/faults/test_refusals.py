"""Every command of the command line, met by what a system refuses: one line, 2 or 4, no harm."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tinyproject import Project

from faults import refusals
from faults.refusals import CASES, EVERY, NONE, REFUSALS, Meeting, Words, ended
from faults.trials import Trials

NOT_CARRIED = ("tests", "docs")  # which no command reads
DIFFERING: dict[Words, int] = {
    ("weights", "--from", "params.yaml"): 3
}  # exit codes of what nothing refuses
STAGES = [
    ("find",), ("download",), ("prepare",), ("gate",), ("reference",), ("init",), ("train", "r4"),
    ("train", "r8"), ("train", "r16"), ("sample",), ("score",), ("report",),
]  # fmt: skip


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="pgpipe-refused-"))
    folder.chmod(0o755)
    yield folder
    refusals.writable(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def base(finished: Project, place: Path, warm: None) -> Path:
    """The finished project with its states, its runs, and a store that belongs to where it is."""
    work = place / "work/project"
    leave = shutil.ignore_patterns("mlflow.db*", "mlartifacts")
    shutil.copytree(finished.folder, work, ignore=leave)
    for name in NOT_CARRIED:
        shutil.rmtree(work / name)
    Project(work).commit()
    subprocess.run(["git", "gc", "-q"], cwd=work, check=True)
    end = ended(work, ("sync",), NONE, really=False)
    assert end.code == 0, end.errors
    return shutil.copytree(work, place / "base", symlinks=True)


def test_every_command_is_tried() -> None:
    assert {words for words in EVERY if any(case[: len(words)] == words for case in CASES)} == {
        *EVERY
    }
    assert len(REFUSALS) > 25


def test_what_is_refused_is_one_line_and_harms_nothing(
    base: Path, place: Path, trials: Trials
) -> None:
    try:
        subprocess.run(["unshare", "--user", "--mount", "true"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no mounts in a user namespace here: {error}")
    pairs = [(name, words) for name in REFUSALS for words in CASES]
    number = trials.number(smoke=12, everything=160)
    wrong = []
    for name, words in trials.random.sample(pairs, number):
        really = REFUSALS[name].environment and trials.everything
        meeting = Meeting(base, place / "work/project", words, name, really)
        if told := meeting.fault(DIFFERING.get(words, 0)):
            wrong.append(f"{' '.join(words)}: {name}: {told}")
    assert not wrong
    trials.reached(f"{number} of {len(pairs)} pairs of a command and a refusal")
