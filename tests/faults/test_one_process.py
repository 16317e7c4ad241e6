"""One run, one process: a second one is refused, an orphan makes way."""

import os
import signal
import time
from pathlib import Path

from tinyproject import Project

from faults.chains import intact_states
from faults.orphans import repaired, seconds_to_end, wait_for_child
from faults.trials import Trials
from faults.variants import step_slowly
from faults.warm import Command
from pgpipe.training.checkpoint import StateFolder

LOCKED = 5  # the exit code


def test_a_second_process_is_refused_and_told_the_first_ones_pid(untrained: Project) -> None:
    first = Command(untrained.folder, "train", "r4", change=step_slowly)
    while first.runs(0.05) and not first.trained:
        pass
    second = Command(untrained.folder, "train", "r4")
    assert second.end() == LOCKED
    assert f"process {first.pid} trains here" in second.output
    assert len(second.output.splitlines()) == 1
    first.send(signal.SIGKILL)
    assert Command(untrained.folder, "train", "r4").end() == 0


def test_an_orphan_saves_and_ends(untrained: Project, trials: Trials) -> None:
    params = untrained.folder / "params.yaml"
    params.write_text(params.read_text().replace("stable_kimg: 0.3", "stable_kimg: 300"))  # hours
    untrained.run("dvc", "repro", "init", "machine")
    took, saved, progress = [], 0, 0
    for trial in range(trials.number(smoke=2, everything=20)):
        dvc = untrained.start("dvc", "repro", "-s", "train@r4")
        orphan = wait_for_child(dvc.pid)
        while trial % 2 and newest(untrained) == progress:  # every other one is in training
            time.sleep(0.01)
        time.sleep(trials.random.uniform(0, 3))  # among imports or steps
        os.kill(dvc.pid, signal.SIGKILL)
        took.append(seconds_to_end([orphan]))
        repaired(untrained)
        output, _ = dvc.communicate()
        assert "Traceback" not in output
        saved += "state saved" in output
        for folder in phase_folders(untrained):
            intact_states(folder)
        assert newest(untrained) >= progress
        progress = newest(untrained)
    trials.reached(
        f"{len(took)} orphans ended, {saved} of them in training with their state saved; "
        f"the last {max(took):.1f} s after dvc"
    )


def newest(project: Project) -> int:
    """Images of the newest state of the first phase, by its name; 0 where there is none."""
    states = [s for folder in phase_folders(project) for s in StateFolder(folder).states()]
    return max((int(state.name.split("-")[0]) for state in states), default=0)


def phase_folders(project: Project) -> list[Path]:
    """Where the states of the first phase are."""
    return list(project.folder.glob(".pgpipe/state/r4-*"))
