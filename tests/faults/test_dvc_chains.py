"""`dvc repro`, its stage or both killed anywhere: the next one goes on, to the same bits."""

import os
import random
import signal
import subprocess
from collections import Counter
from pathlib import Path

import psutil
import pytest
from tinyproject import Project

from faults.chains import curves, intact_states, results, untrained_copy
from faults.orphans import repaired, seconds_to_end
from faults.trials import Trials

LONGEST = 15  # seconds from a start to a kill, in which all stages but the last few run
TARGETS = ("stage", "group", "dvc")


def kill(dvc: subprocess.Popen[str], target: str) -> None:
    """SIGKILL to the stage's process, to the group, or to dvc only; wait until all have ended."""
    below = psutil.Process(dvc.pid).children(recursive=True)
    if target == "group":
        os.killpg(dvc.pid, signal.SIGKILL)
    elif target == "stage" and below:
        below[0].kill()
    else:
        dvc.kill()
    seconds_to_end(below)


def kill_repro(project: Project, draw: random.Random, kills: int) -> list[str]:
    """Kill `dvc repro` so often, as the first draws say, and let the last one end; whom it hit."""
    hit: list[str] = []
    while len(hit) < kills:
        dvc = project.start("dvc", "repro")
        try:
            dvc.wait(draw.uniform(1, LONGEST))
            break  # done before its moment came
        except subprocess.TimeoutExpired:
            hit.append(draw.choice(TARGETS))
            kill(dvc, hit[-1])
            output, _ = dvc.communicate()
            assert "Traceback" not in output
            assert "set aside" not in output
            hit[-1] += "".join(f", with DVC's {name} torn" for name in repaired(project))
        for folder in project.folder.glob(".pgpipe/state/*"):
            intact_states(folder)
    project.run("dvc", "repro")
    return hit


def test_repro_killed_anywhere_ends_with_the_same_bits(
    finished: Project, tmp_path: Path, trials: Trials
) -> None:
    hit: list[str] = []
    chains = trials.number(smoke=1, everything=6)
    for number in range(chains):
        project = untrained_copy(finished, tmp_path / f"{number}")
        hit += kill_repro(project, trials.random, trials.number(smoke=3, everything=4))
        assert_equal(project, finished)
    trials.reached(f"{len(hit)} kills in {chains} chains ({dict(Counter(hit))})")


def test_a_fresh_pipeline_killed_anywhere_ends_with_the_same_bits(
    finished: Project, tmp_path: Path, trials: Trials
) -> None:
    if not trials.everything:
        pytest.skip("takes minutes: make faults")
    project = Project(tmp_path).create()
    hit = kill_repro(project, trials.random, 6)
    assert_equal(project, finished)
    trials.reached(f"{len(hit)} kills from the first stage on ({dict(Counter(hit))})")


def assert_equal(project: Project, finished: Project) -> None:
    """What a project ends with is what an undisturbed one does."""
    assert results(project.folder) == results(finished.untouched.folder)
    for name, content in project.results().items():
        assert content == finished.first_results[name], name
    assert len(set(curves(project.folder))) == len(curves(project.folder))
