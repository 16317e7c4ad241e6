"""One signal: the step ends, the state is saved, exit 75. A second one: out at once."""

import signal
import time
from pathlib import Path

import pytest
from tinyproject import Project

from faults.chains import intact_states, untrained_copy
from faults.trials import Trials
from faults.variants import step_slowly
from faults.warm import Command

FINISHED, INTERRUPTED = 0, 75
AT_ONCE = 2  # seconds


def newest(project: Project, phase: str) -> int:
    """Images of the newest state."""
    (folder,) = project.folder.glob(f".pgpipe/state/{phase}-*")
    return int(intact_states(folder)[-1].name.split("-")[0])


def test_a_signal_at_any_time_loses_no_step(
    finished: Project, seconds: dict[str, float], tmp_path: Path, trials: Trials
) -> None:
    codes: list[int] = []
    longest_end = 0.0
    longest, phase = seconds["train r4"], 0
    project = untrained_copy(finished, tmp_path / "0")
    signals = trials.number(smoke=4, everything=40)
    while len(codes) < signals:
        stage = Command(project.folder, "train", "r4")
        if stage.runs(trials.random.uniform(0, longest)):
            stage.send(trials.random.choice((signal.SIGTERM, signal.SIGINT)))
            sent = time.monotonic()
            codes.append(stage.end())
            longest_end = max(longest_end, time.monotonic() - sent)
            assert codes[-1] in (INTERRUPTED, FINISHED), stage.output
            assert "Traceback" not in stage.output
            assert not stage.trained or newest(project, "r4") == stage.trained
        if stage.end() == FINISHED:
            phase += 1
            project = untrained_copy(finished, tmp_path / f"{phase}")
    trials.reached(
        f"{signals} signals: {codes.count(75)} times exit 75, {codes.count(0)} times the end was "
        f"nearer; 0 steps lost, the last process ended after {longest_end:.1f} s"
    )


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(untrained: Project, second: int) -> None:
    stage = Command(untrained.folder, "train", "r4", change=step_slowly)
    while stage.runs(0.05) and not stage.trained:
        pass
    stage.send(signal.SIGTERM)
    assert stage.runs(0.5)
    stage.send(second)
    assert stage.end(within=AT_ONCE) == -second
