"""Sampling and scoring by two processes: the bytes of one; and what a kill of either leaves."""

import shutil
import time
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

import psutil
import pytest
from tinyproject import Project

from pgpipe.plumbing.hashes import sha256_tree
from pgpipe.plumbing.processes.launch import VARIABLE

PATIENCE_S = 60  # until a process is where it is to be killed, and until all are gone
STAGES = {"reference": "reference", "sample": "samples", "score": "reports/metrics.json"}
faults = pytest.mark.faults


@pytest.fixture
def trained(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A finished project whose commands run in two processes."""
    monkeypatch.setenv(VARIABLE, "2")
    return finished.untouched.copy(tmp_path / "project")


def test_two_processes_write_the_bytes_that_one_writes(trained: Project) -> None:
    places = [trained.folder / place for place in STAGES.values()]
    wanted = [sha256_tree(place) for place in places]
    for stage, place in zip(STAGES, places, strict=True):
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        trained.run("pgpipe", stage)
    assert [sha256_tree(place) for place in places] == wanted


@pytest.fixture
def slow(trained: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """One that draws and scores so many images that it can be killed meanwhile; in one process."""
    file = trained.folder / "params.yaml"
    text = file.read_text().replace("\n  images: 96", "\n  images: 4000")
    text = text.replace("\n  minibatch: 64", "\n  minibatch: 2")
    file.write_text(text.replace("\n  ms_ssim_pairs: 32", "\n  ms_ssim_pairs: 2000"))
    monkeypatch.setenv(VARIABLE, "1")
    trained.run("pgpipe", "sample")
    return trained


def processes(launcher: Popen[str], stage: str) -> dict[str, psutil.Process]:
    """Those of a stage by their rank, once there are two; and the launcher."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        children = psutil.Process(launcher.pid).children()
        found = {}
        with suppress(psutil.NoSuchProcess):  # a child of a moment, which is asked again without it
            of_stage = [p for p in children if p.cmdline()[-1:] == [stage]]
            found = {p.environ().get("RANK", ""): p for p in of_stage}
        if found.keys() == {"0", "1"}:  # and have all of their environment
            return {**found, "launcher": psutil.Process(launcher.pid)}
        time.sleep(0.02)
    raise AssertionError("never two")


@pytest.mark.parametrize(
    ("stage", "victim", "begun", "seconds"),
    [
        pytest.param("sample", "1", "samples/.images.npy*", 0.3, marks=faults),
        pytest.param("sample", "0", "samples/.images.npy*", 0.3, marks=faults),
        pytest.param("sample", "launcher", "samples/.images.npy*", 0.3, marks=faults),
        pytest.param("score", "0", "params.yaml", 1.2, marks=faults),
        pytest.param("score", "1", "params.yaml", 0.5, marks=faults),
    ],
)
def test_whichever_is_killed_nothing_wrong_is_left_and_one_line_says_it(
    slow: Project,
    stage: str,
    victim: str,
    begun: str,
    seconds: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = slow.folder / STAGES[stage]
    if stage == "score":
        slow.run("pgpipe", stage)
    wanted = sha256_tree(place)
    monkeypatch.setenv(VARIABLE, "2")
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    launcher = slow.start("pgpipe", stage)
    found = processes(launcher, stage)
    while not list(slow.folder.glob(begun)):
        assert launcher.poll() is None
    time.sleep(seconds)
    found[victim].kill()
    output, _ = launcher.communicate(timeout=PATIENCE_S)
    assert not psutil.wait_procs(list(found.values()), timeout=PATIENCE_S)[1]
    if victim != "launcher":
        (line,) = [line for line in output.splitlines() if not line.startswith(f"{stage}:")]
        assert line.startswith(f"pgpipe: error: process {victim} was killed (signal 9)")
        assert launcher.returncode == 4
    assert not [file for file in [place, *place.glob("[!.]*")] if file.is_file()]
    slow.run("pgpipe", stage)
    assert sha256_tree(place) == wanted
