"""Two phases of growth, tiny: r4 of 5 steps, and r8 whose fade ends at step 6 and itself at 13."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from specs import network_spec, train_section

from pgpipe import rng
from pgpipe.data.feeding.batches import Batches
from pgpipe.data.feeding.multires import ImageStore
from pgpipe.errors import Interrupted
from pgpipe.gan import weights
from pgpipe.gan.config import TrainSection
from pgpipe.gan.schedule import Phase
from pgpipe.gan.text import encode
from pgpipe.plumbing import tensors
from pgpipe.plumbing.layout import PREVIEW_LABELS, PREVIEW_LATENTS
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.history import Row
from pgpipe.training.job import Job
from pgpipe.training.phase import PhaseTraining
from pgpipe.training.start import make_job

CPU = torch.device("cpu")
IMAGES = 50  # of the data set: epochs end within steps
CLASSES = 3
CAPTIONS = ("red heart", "green heart", "green apple")  # in place of classes
MINIBATCH = 8
FADE, STABLE, TICK = 48, 56, 24  # images of the phase r8
STEPS = (FADE + STABLE) // MINIBATCH
FADE_STEPS = FADE // MINIBATCH
FIRST_STEPS = 5  # of the phase r4
END = STEPS * MINIBATCH  # images of the phase r8

MODEL: dict[str, Any] = {
    "fmap_max": 4,
    "latent_size": 4,
    "classes": CLASSES,
    "fused_downsampling": True,
}
TRAIN: dict[str, Any] = {
    "full_resolution": 8,
    "label_conditioning": "acgan",
    "mirror": True,
    "channels_last": True,
    "tick_kimg": TICK / 1000,
    "checkpoint_minutes": 60.0,
}


def phase(**changes: Any) -> Phase:
    """The phase r8, or another."""
    values = {"res": 8, "from": "r4", "fade_kimg": FADE / 1000, "stable_kimg": STABLE / 1000}
    return Phase(**{**values, **changes})


R4 = phase(**{"from": "init"}, res=4, fade_kimg=0, stable_kimg=FIRST_STEPS * MINIBATCH / 1000)
R8 = phase()


class Count:
    """A listener that counts, and asks for the end after so many steps."""

    def __init__(self, last: int = 10**9) -> None:
        self.last = last
        self.steps: list[tuple[int, float]] = []
        self.ticks: list[tuple[Row, Path]] = []
        self.scores: list[Row] = []
        self.rollbacks: list[tuple[str, float, float]] = []

    def on_step(self, images: int, fade: float) -> None:
        self.steps.append((images, fade))

    def on_tick(self, row: Row, preview: Path) -> None:
        self.ticks.append((row, preview))

    def on_scores(self, row: Row) -> None:
        self.scores.append(row)

    def on_rollback(self, tensor: str, at: float, to: float) -> None:
        self.rollbacks.append((tensor, at, to))

    def stop(self) -> bool:
        return len(self.steps) >= self.last


class Place:
    """A folder with data, and the phase r8 that goes on from a finished r4."""

    def __init__(
        self,
        folder: Path,
        model: dict[str, Any] | None = None,
        train: dict[str, Any] | None = None,
        device: torch.device = CPU,
    ) -> None:
        self.folder, self.device = folder, device
        self.train = {**TRAIN, "device": device.type, **(train or {})}
        section = self.section()
        of_train = {
            "minibatch_stddev": section.minibatch_stddev,
            "conditioning": section.label_conditioning or "acgan",
        }
        self.spec = network_spec(**{**MODEL, **of_train, **(model or {})})
        self.codes = encode(CAPTIONS) if self.spec.captions else None
        self.first = StateFolder(folder / "states.r4")
        self.layers = folder / "layers.safetensors"

    def section(self, **changes: Any) -> TrainSection:
        return train_section(**{**self.train, **changes})

    def grow(self) -> "Place":
        """Train r4, and draw the first weights of r8."""
        PhaseTraining(self.first_job(), self.batches(4), self.first, Count()).run()
        new = weights.initial(self.spec, 8, self.section().seed, before=4)
        tensors.save(self.layers, new, {})
        return self

    def first_job(self, phase: Phase = R4) -> Job:
        train = self.section()
        named = weights.initial(self.spec, phase.res, train.seed)
        drawn_for = torch.arange(4) % CLASSES
        previews = {
            PREVIEW_LATENTS: rng.normal((4, self.spec.latent_size), rng.key(0, "preview", 0)),
            PREVIEW_LABELS: drawn_for if self.codes is None else self.codes[drawn_for],
        }
        every = {**weights.with_averages(named, self.spec), **previews}
        return Job(f"r{phase.res}", phase, train, self.spec, every, images_before=0, rows_before=[])

    def batches(self, resolution: int) -> Batches:
        folder = self.folder / f"images.r{resolution}"
        if not folder.exists():
            folder.mkdir()
            shape = (IMAGES, resolution, resolution, 3)
            pixels = np.random.default_rng(resolution).integers(0, 256, shape, dtype=np.uint8)
            np.save(folder / "00000.npy", pixels)
        labels = torch.arange(IMAGES) % CLASSES if self.spec.condition else None
        return Batches(ImageStore(folder), labels, 3, self.device, held=False, codes=self.codes)

    def job(self, phase: Phase = R8, **changes: Any) -> Job:
        before = self.first.states()[-1]
        return make_job("r8", phase, self.section(**changes), before, self.layers)

    def training(self, states: Path, listener: Count, **changes: Any) -> PhaseTraining:
        return PhaseTraining(self.job(**changes), self.batches(8), StateFolder(states), listener)

    def run(self, states: Path, last: int = 10**9, **changes: Any) -> Count:
        """Train until the end or for `last` steps."""
        listener = Count(last)
        self.training(states, listener, **changes).run(listener.stop)
        return listener

    def interrupted(self, states: Path, last: int, **changes: Any) -> None:
        with pytest.raises(Interrupted):
            self.run(states, last, **changes)


def is_finished(states: Path) -> bool:
    return StateFolder(states).result(END) is not None


def last_state(states: Path) -> Path:
    return StateFolder(states).states()[-1]


def facts_of(states: Path) -> dict[str, Any]:
    facts: dict[str, Any] = tensors.read(last_state(states))[1]
    return facts


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
