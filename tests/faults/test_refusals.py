"""Every command of the command line, met by what a system refuses: one line, 2 or 4, no harm."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tinyproject import Project

from faults import refusals
from faults.refusals import (
    ARGUMENTS,
    CASES,
    EVERY,
    GITS_DISTRUST,
    NONE,
    REFUSALS,
    Meeting,
    Words,
    ended,
    hashes,
)
from faults.trials import Trials
from pgpipe.errors import UsageError

DIFFERING: dict[Words, int] = {
    ("weights", "--from", "params.yaml"): 3,
    **{
        (of, *words): 2
        for of in ("study", "ablation")
        for words in (("run", "--executor", "slurm"), ("table",), ("check",))  # no Slurm, no row
    },
    ("weights", "--url", "http://127.0.0.1:9/"): 7,
}  # exit codes of what nothing refuses
STAGES = [
    ("find",), ("machine",), ("download",), ("prepare",), ("gate",), ("reference",), ("init",),
    ("train", "r4"), ("train", "r8"), ("train", "r16"), ("sample",), ("score",), ("report",),
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
    leave = shutil.ignore_patterns("mlflow.db*", "mlartifacts", "docs", "faults", "documented")
    shutil.copytree(finished.folder, work, ignore=leave)
    Project(work).commit()
    subprocess.run(["git", "gc", "-q"], cwd=work, check=True)
    end = ended(work, ("sync",), NONE, really=False)
    assert end.code == 0, end.errors
    return shutil.copytree(work, place / "base", symlinks=True)


def test_every_command_is_tried_with_what_it_needs() -> None:
    """One that is new and needs an argument has to be given it."""
    needing = {words for words, of in EVERY.items() if any(p.required for p in of.params)}
    assert needing <= {*ARGUMENTS} <= {*EVERY}
    assert len(REFUSALS) > 30


@pytest.fixture
def namespaces() -> None:
    """Skip what needs mounts of its own where the system gives none."""
    try:
        subprocess.run(["unshare", "--user", "--mount", "true"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no mounts in a user namespace here: {error}")


def test_what_is_refused_is_one_line_and_harms_nothing(
    base: Path, place: Path, trials: Trials, namespaces: None
) -> None:
    pairs = [(name, words) for name in REFUSALS for words in CASES]
    number = trials.number(smoke=12, everything=160)
    wrong = []
    for name, words in trials.random.choices(pairs, k=number):
        really = REFUSALS[name].environment and trials.everything
        meeting = Meeting(base, place / "work/project", words, name, really)
        if told := meeting.fault(DIFFERING.get(words, 0)):
            wrong.append(f"{' '.join(words)}: {name}: {told}")
    assert not wrong
    trials.reached(f"{number} of {len(pairs)} pairs of a command and a refusal")


@pytest.mark.parametrize("words", [("gc",), ("queue",), ("preset", "tiny"), ("find",)])
def test_of_anothers_project_it_is_said_what_git_says(
    base: Path, place: Path, words: Words
) -> None:
    """It was "no git commit", and presets took an edited params.yaml for one without edits."""
    meeting = Meeting(base, place / "work/project", words, GITS_DISTRUST)
    params = meeting.folder / "params.yaml"
    params.write_text(params.read_text().replace("minibatch: 8", "minibatch: 16"))
    end = ended(meeting.folder, words, GITS_DISTRUST, really=False)
    assert end.code == UsageError.exit_code, end.errors
    (line,) = end.errors.splitlines()
    cure = f"run: git config --global --add safe.directory {meeting.folder}"
    assert line.startswith("pgpipe: error: git: detected dubious ownership")
    assert line.endswith(cure)
    assert "minibatch: 16" in params.read_text()


LONG = Path("x" * 255, "y" * 60)


@pytest.mark.parametrize("to", [Path("moved"), Path("copied"), LONG], ids=lambda to: str(to)[:6])
def test_elsewhere_a_project_goes_on_without_training(
    base: Path, place: Path, to: Path, trials: Trials, namespaces: None
) -> None:
    """`moved`: what it was made from is no more for its commands."""
    name = refusals.GONE if to.name == "moved" else NONE
    chosen = STAGES if trials.everything else [("train", "r8"), ("score",)]
    meeting = Meeting(base, place / "work" / to / "project", ("verify",), name)
    before = hashes(meeting.folder)
    states = times(meeting.folder)
    for words in chosen:
        end = ended(meeting.folder, words, name, really=False)
        assert end.code == 0, end.errors
        assert "starts anew" not in end.errors
    assert hashes(meeting.folder) == before
    assert times(meeting.folder) == states
    trials.reached(f"{len(chosen)} stages of a project elsewhere ({str(to)[:6]})")


def times(folder: Path) -> dict[str, int]:
    """When each file of the saved states was written."""
    files = (folder / ".pgpipe/state").rglob("*.safetensors")
    return {file.relative_to(folder).as_posix(): file.stat().st_mtime_ns for file in files}


@pytest.mark.faults
@pytest.mark.parametrize("to", [Path("copied"), LONG], ids=["copied", "long"])
def test_elsewhere_dvc_finds_all_up_to_date(base: Path, place: Path, to: Path) -> None:
    project = Project(Meeting(base, place / "work" / to / "project", ("verify",)).folder)
    ran = re.findall(r"Running stage '(.*)'", project.run("dvc", "repro"))
    assert set(ran) == {"find", "machine"}  # which look anew each time
