"""What tracking to a server that hangs costs the training: at most 2 %."""

import statistics
import sys
import time
from pathlib import Path

import pytest
from stub_server import serving
from tinyphase import Place, phase

from pgpipe.reporting.progress import Meter
from pgpipe.tracking.config import TrackingSection
from pgpipe.tracking.tracker import NullTracker, open_run
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.history import Row
from pgpipe.training.phase import PhaseTraining
from stages.listeners import Listeners

TICKS, TICK_KIMG = 28, 0.1  # ten times as often as in the default experiment
WARM = 8  # ticks at first, while mlflow is imported in the background
MODEL = {"fmap_base": 256, "fmap_max": 64, "latent_size": 64}  # of the default experiment


class InTurn:
    """Has every other tick tracked, and times the ticks: of this thread's CPU and of the clock."""

    def __init__(self, tracked: Listeners, silent: Listeners) -> None:
        self.listeners = (silent, tracked)
        self.ticks: list[tuple[float, float]] = []
        self.since = self.now()

    @staticmethod
    def now() -> tuple[float, float]:
        return time.thread_time(), time.perf_counter()

    def on_step(self, images: int, fade: float) -> None:
        self.listeners[len(self.ticks) % 2].on_step(images, fade)

    def on_tick(self, row: Row, preview: Path) -> None:
        self.listeners[len(self.ticks) % 2].on_tick(row, preview)
        cpu, clock = self.now()
        self.ticks.append((cpu - self.since[0], clock - self.since[1]))
        self.since = (cpu, clock)

    def slower(self, clock: int) -> float:
        """By how much a tracked tick takes longer than one that is not, in the median."""
        silent, tracked = (
            statistics.median(tick[clock] for tick in self.ticks[WARM + turn :: 2])
            for turn in (0, 1)
        )
        return tracked / silent - 1


@pytest.mark.faults
def test_training_is_hardly_slower_while_the_server_hangs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(project, MODEL, {"tick_kimg": TICK_KIMG}).grow()
    job = place.job(phase(fade_kimg=0, stable_kimg=TICKS * TICK_KIMG))
    with serving(project / "artifacts", "hangs") as server, Meter("train", 0) as meter:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        with open_run("train@r8", TrackingSection(enabled=True, experiment="e")) as tracker:
            listener = InTurn(Listeners(meter, tracker, 8), Listeners(meter, NullTracker(), 8))
            PhaseTraining(job, place.batches(8), StateFolder(project / "s"), listener).run()
    assert len(listener.ticks) == TICKS
    cpu, clock = listener.slower(0), listener.slower(1)
    sys.stdout.write(f"tracked training: {100 * cpu:+.2f} % CPU, {100 * clock:+.2f} % time\n")
    assert cpu <= 0.02  # a busy machine's clock says less about us
