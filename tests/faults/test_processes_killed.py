"""Several processes that train together: whichever is killed, all end, and the next run goes on."""

import shutil
import signal
import time
from subprocess import Popen

import psutil
import pytest
from tinyproject import Project

from faults.trials import Trials
from pgpipe.errors import INTERRUPTED
from pgpipe.plumbing.processes.launch import VARIABLE

PATIENCE_S = 90  # until the launcher and its processes are gone
RESULT = "models/r4/state.safetensors"

pytestmark = pytest.mark.faults


@pytest.fixture
def shared(untrained: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose phase r4 is trained by two processes."""
    params = untrained.folder / "params.yaml"
    text = params.read_text().replace("stable_kimg: 0.3", "stable_kimg: 2")
    params.write_text(text.replace("minibatch_stddev: true", "minibatch_stddev: 4"))
    untrained.run("dvc", "repro", "init", "machine")
    monkeypatch.setenv(VARIABLE, "2")
    return untrained


def workers(launcher: Popen[str]) -> list[psutil.Process]:
    """The two processes, once there are two."""
    while True:
        assert launcher.poll() is None, launcher.communicate()[0]
        found = [
            child
            for child in psutil.Process(launcher.pid).children()
            if child.cmdline()[-2:] == ["train", "r4"]
        ]
        if len(found) == 2:
            return found
        time.sleep(0.05)


def ended(launcher: Popen[str], processes: list[psutil.Process]) -> int:
    """The launcher's exit code, once all are gone."""
    output, _ = launcher.communicate(timeout=PATIENCE_S)
    _, left = psutil.wait_procs(processes, timeout=PATIENCE_S)
    assert not left, output
    assert "Traceback" not in output, output
    return launcher.returncode


def test_whichever_is_killed_the_result_is_that_of_an_undisturbed_run(
    shared: Project, trials: Trials
) -> None:
    shared.run("pgpipe", "train", "r4")
    wanted = (shared.folder / RESULT).read_bytes()
    shutil.rmtree(shared.folder / ".pgpipe/state")
    (shared.folder / RESULT).unlink()
    kills = 0
    for trial in range(trials.number(smoke=3, everything=9)):
        launcher = shared.start("pgpipe", "train", "r4")
        two = workers(launcher)
        time.sleep(trials.random.uniform(0, 12))
        victim = [*two, psutil.Process(launcher.pid)][trial % 3]
        if launcher.poll() is None and victim.is_running():
            victim.kill()
            kills += 1
        ended(launcher, two)
        if (shared.folder / RESULT).exists():
            break
    shared.run("pgpipe", "train", "r4")
    assert (shared.folder / RESULT).read_bytes() == wanted
    trials.reached(f"{kills} kills among two processes and their launcher, the same bits")


def test_a_signal_to_the_launcher_saves_and_ends_all(shared: Project) -> None:
    launcher = shared.start("pgpipe", "train", "r4")
    two = workers(launcher)
    while not list(shared.folder.glob(".pgpipe/state/r4-*/*.safetensors")):
        time.sleep(0.1)
    launcher.send_signal(signal.SIGTERM)
    assert ended(launcher, two) == INTERRUPTED


def test_a_minibatch_that_does_not_divide_is_refused_in_one_line(
    untrained: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    untrained.run("dvc", "repro", "init", "machine")
    monkeypatch.setenv(VARIABLE, "2")
    said = untrained.run("pgpipe", "train", "r4", code=2).splitlines()
    (error,) = [line for line in said if not line.startswith("pgpipe: warning: tracking")]
    assert "does not divide into parts of at most 8 images for 2 processes" in error
