"""One run, one process: a second one is refused, an orphan makes way."""

import os
import signal
import time

import psutil
from tinyproject import Project

from faults.chains import intact_states
from faults.trials import Trials
from faults.variants import step_slowly
from faults.warm import PATIENCE, Command

LOCKED, WITHIN = 5, 10  # exit code; seconds


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
    untrained.run("dvc", "repro", "init")
    took, progress = [], 0
    for _ in range(trials.number(smoke=1, everything=10)):
        dvc = untrained.start("dvc", "repro", "-s", "train@r4")
        orphan = wait_for_child(dvc.pid)
        time.sleep(trials.random.uniform(0, 8))  # from its first import to its steps
        os.kill(dvc.pid, signal.SIGKILL)
        started = time.monotonic()
        psutil.wait_procs([orphan], timeout=WITHIN)
        took.append(time.monotonic() - started)
        assert not orphan.is_running()
        output, _ = dvc.communicate()
        assert output.splitlines()[-1].startswith("pgpipe: error: ")
        assert "interrupted" in output
        assert "Traceback" not in output
        assert newest(untrained) >= progress
        progress = newest(untrained)
    trials.reached(f"{len(took)} orphans ended, the last {max(took):.1f} s after dvc")


def wait_for_child(pid: int) -> psutil.Process:
    """The process that a process has started, as soon as there is one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if children := psutil.Process(pid).children(recursive=True):
            return children[0]
        time.sleep(0.01)
    raise AssertionError(f"{pid} starts no process")


def newest(project: Project) -> int:
    """Images of the newest state of the first phase; 0 where there is none."""
    states = [s for f in project.folder.glob(".pgpipe/state/r4-*") for s in intact_states(f)]
    return max((int(state.name.split("-")[0]) for state in states), default=0)
