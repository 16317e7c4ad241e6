"""What tracking to a server that hangs costs the training: at most 2 %."""

import sys
import time
from pathlib import Path

import pytest
from tinyphase import Place, phase

from faults.stub_server import serving
from pgpipe.reporting.progress import Meter
from pgpipe.tracking.config import TrackingSection
from pgpipe.tracking.tracker import Tracker, open_run
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.history import Row
from pgpipe.training.phase import PhaseTraining
from stages.listeners import Listeners

ON = TrackingSection(enabled=True, experiment="e")
TICKS, TICK_KIMG = 12, 0.1  # ten times as often as in the default experiment
MODEL = {"fmap_base": 256, "fmap_max": 64, "latent_size": 64}  # of the default experiment


class Timed(Listeners):
    """Times the part of each tick that listening takes, in seconds."""

    def __init__(self, meter: Meter, tracker: Tracker, resolution: int) -> None:
        super().__init__(meter, tracker, resolution)
        self.listening: list[float] = []
        self.started = time.perf_counter()

    def on_tick(self, row: Row, preview: Path) -> None:
        start = time.perf_counter()
        super().on_tick(row, preview)
        self.listening.append(time.perf_counter() - start)

    def share(self) -> float:
        """Of all time, that spent listening."""
        return sum(self.listening) / (time.perf_counter() - self.started)


@pytest.mark.faults
def test_training_is_hardly_slower_while_the_server_hangs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(project, MODEL, {"tick_kimg": TICK_KIMG}).grow()
    job = place.job(phase(fade_kimg=0, stable_kimg=TICKS * TICK_KIMG))
    with serving(project / "artifacts", "hangs") as server, Meter("train", 0) as meter:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        with open_run("train@r8", ON, "made of") as tracker:
            listener = Timed(meter, tracker, 8)
            PhaseTraining(job, place.batches(8), StateFolder(project / "s"), listener).run()
            share = listener.share()
    assert len(listener.listening) == TICKS
    sys.stdout.write(f"tracking takes {100 * share:.2f} % of the training\n")
    assert share <= 0.02
