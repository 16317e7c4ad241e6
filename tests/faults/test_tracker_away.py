"""A tracking server that is dead, hangs, errs or comes back: nobody waits, no point is lost."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from faults.logging_trainer import values
from faults.stub_server import Mood, StubServer, serving
from faults.trials import Trials
from pgpipe.tracking.spool import METRICS_FILE, read_points, runs_folder
from pgpipe.tracking.sync import sync

TRAINER = str(Path(__file__).parent / "logging_trainer.py")
ROOT = Path(__file__).parents[2]
STEPS, PAUSE_S = 600, 0.01
SAVED_EVERY = 50  # steps: where a killed trainer goes on from
SEED = 5
CALL_S, EXIT_S = 0.020, 5.0  # the promise


class Ended(NamedTuple):
    """How a trainer fared: its calls and its end, in seconds, and what it said."""

    calls: list[float]
    exit: float
    stderr: str

    @property
    def p99(self) -> float:
        return self.calls[int(0.99 * len(self.calls))]

    def keeps_the_promise(self, trials: Trials) -> bool:
        """With slack in a smoke, where other work may take a processor for longer than a call."""
        if trials.everything:
            return self.p99 <= CALL_S and self.exit <= EXIT_S
        return self.calls[int(0.9 * len(self.calls))] <= CALL_S and self.exit <= 2 * EXIT_S


def start(first: int = 0, last: int = STEPS, pause: float = PAUSE_S) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, TRAINER, str(first), str(last), str(pause)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def train() -> Ended:
    process = start()
    stdout, stderr = process.communicate(timeout=120)
    ended = time.time()
    assert process.returncode == 0, stderr
    told = json.loads(stdout)
    return Ended(told["calls"], ended - told["ending"], stderr)


def logged(steps: int = STEPS) -> list[tuple[str, int, float]]:
    return sorted((name, s, v) for s in range(steps) for name, v in values(s).items())


def use(server: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")


ENDLESS = [pytest.param(mood, marks=pytest.mark.faults) for mood in ("drips", "floods")]


@pytest.mark.parametrize("mood", ["dead", "hangs", "errs", *ENDLESS])
def test_nobody_waits_for_a_server_that_is_away_and_sync_completes_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, trials: Trials, mood: Any
) -> None:
    with serving(project / "artifacts", mood) as server:
        use(server, monkeypatch)
        if mood == "dead":
            monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        ended = train()
    assert ended.keeps_the_promise(trials), ended
    [line] = ended.stderr.splitlines()
    assert "nothing is lost, and pgpipe sync completes it" in line
    sys.stdout.write(f"{mood}: p99 {1000 * ended.p99:.1f} ms, exit {ended.exit:.1f} s\n")

    with serving(project / "artifacts") as server:
        use(server, monkeypatch)
        assert sync().points == len(logged())
        assert server.points() == logged()
        assert sync().points == 0


def test_a_server_that_comes_back_gets_everything_from_the_trainer(
    project: Path, monkeypatch: pytest.MonkeyPatch, trials: Trials
) -> None:
    with serving(project / "artifacts", "errs") as server:
        use(server, monkeypatch)
        back = threading.Timer(2, lambda: setattr(server, "mood", "well"))
        back.start()
        ended = train()
        back.join()
        assert ended.keeps_the_promise(trials), ended
        sync()
        assert server.points() == logged()


def killed_again_and_again(server: StubServer, kills: int, steps: int, moods: list[Mood]) -> None:
    """A trainer that is killed `kills` times, each time going on from its last saved state."""
    chance = random.Random(SEED)
    for number in range(kills):
        server.mood = moods[number % len(moods)]
        process = start(saved(), steps)
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=chance.uniform(1, 8))
        process.kill()
        process.communicate()
    start(saved(), steps, pause=0).communicate(timeout=120)


def saved() -> int:
    """The step that the trainer goes on from: at most as far as it has logged."""
    files = list(runs_folder().glob(f"*/{METRICS_FILE}"))
    points = read_points(files[0])[0] if files else []
    return max((p.step for p in points), default=0) // SAVED_EVERY * SAVED_EVERY


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.faults)])
def test_killed_trainers_lose_and_double_no_point(
    project: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    steps = round(8 / PAUSE_S) * kills  # more than are logged before the last kill
    with serving(project / "artifacts", seed=SEED) as server:
        use(server, monkeypatch)
        killed_again_and_again(server, kills, steps, ["loses", "well", "errs"])
        server.mood = "well"
        sync()
        assert server.points() == logged(steps)
        sys.stdout.write(f"{kills} kills, seed {SEED}: {len(logged(steps))} points, none twice\n")
