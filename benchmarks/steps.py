"""The training that is measured: the step of `pgpipe.training`, with its data, on noise.

A step is `PhaseTraining.train_step`: it draws the minibatch from an array as `prepare` writes it,
trains D with its penalty, and G, and averages G.
"""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from benchmarks.settings import Setting
from benchmarks.timing import Work
from pgpipe import rng
from pgpipe.data.feeding.batches import Batches
from pgpipe.data.feeding.multires import ImageStore
from pgpipe.gan import weights
from pgpipe.gan.schedule import Phase
from pgpipe.training import numerics
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.history import Row
from pgpipe.training.job import Job
from pgpipe.training.phase import PhaseTraining

Part = Literal["fade", "stable"]

ENDLESS_KIMG = 1e9  # a part that no measurement comes to the end of
MINIBATCHES = 16  # of the data set
DRAWN_BYTES = 16 << 20


@dataclass(frozen=True)
class Silent:
    """A listener that does nothing."""

    def on_step(self, images: int, fade: float) -> None:
        """Unheard."""

    def on_tick(self, row: Row, preview: Path) -> None:
        """Unheard."""

    def on_scores(self, row: Row) -> None:
        """Unheard."""

    def on_rollback(self, tensor: str, at: float, to: float) -> None:
        """Unheard."""


def parts_of(phase: Phase) -> list[Part]:
    """The parts that a phase has."""
    fades: list[Part] = ["fade"] if phase.fade_images else []
    return [*fades, "stable"] if phase.images > phase.fade_images else fades


def lengthened(phase: Phase, part: Part) -> Phase:
    """A phase that stays in one part."""
    kimg = {"fade": (ENDLESS_KIMG, 0.0), "stable": (0.0, ENDLESS_KIMG)}[part]
    return phase.model_copy(update=dict(zip(("fade_kimg", "stable_kimg"), kimg, strict=True)))


def training(setting: Setting, key: str, part: Part, folder: Path) -> PhaseTraining:
    """A phase at the first step of one of its parts, on noise that is written into `folder`."""
    phase, spec = setting.growth.phases[key], setting.spec
    section = setting.machine.settled(setting.section)
    drawn = weights.initial(spec, phase.res, section.seed)
    first = weights.with_averages(drawn, spec)
    job = Job(key, lengthened(phase, part), section, spec, first, 0, [])
    images = noise(folder, phase.res, spec.channels, MINIBATCHES * job.minibatch)
    states = StateFolder(folder / f"states-{key}-{part}")
    return PhaseTraining(job, batches(setting, images), states, Silent())


def noise(folder: Path, resolution: int, channels: int, count: int) -> ImageStore:
    """Noise of one resolution as the stage `prepare` writes images; written once.

    At most so many bytes of it are drawn, and come again to make up the count.
    """
    images = folder / f"r{resolution}-{channels}"
    if not images.exists():
        images.mkdir()
        shape = (resolution, resolution, channels)
        drawn = max(1, min(count, DRAWN_BYTES // math.prod(shape)))
        pixels = rng.integers(256, (drawn, *shape), rng.key(0, "noise", resolution))
        np.save(images / "00000.npy", np.resize(pixels.to(torch.uint8).numpy(), (count, *shape)))
    return ImageStore(images)


def batches(setting: Setting, images: ImageStore) -> Batches:
    """Minibatches of images, with labels where the networks take some."""
    section, classes = setting.section, setting.spec.classes
    device = numerics.prepare(section)
    labels = torch.arange(len(images)) % classes if classes else None
    held = numerics.holds(section, device, images.nbytes)
    ahead = device.type == "cuda"
    return Batches(images, labels, section.seed, device, held, ahead)


def step_of(trained: PhaseTraining) -> Work:
    """A step, after the process is set to what its section asks for."""
    return Work(trained.train_step, partial(numerics.prepare, trained.job.section))
