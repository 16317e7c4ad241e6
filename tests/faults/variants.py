"""Changes of a command's process that tests of faults, and tests of those tests, need."""

import time
from pathlib import Path

import torch

SLOW_STEP, SLOW_WRITE = 10, 1  # seconds
PIECES = 50


def save_in_place() -> None:
    """Write states as many trainers do: under their own name, piece by piece; and all the time."""
    from pgpipe.training import hashed, phase

    hashed.write_bytes = write_in_place  # type: ignore[attr-defined]
    phase.Timer.elapsed = lambda _: True  # type: ignore


def write_in_place(path: Path, data: bytes) -> None:
    """What `pgpipe.plumbing.files.write_bytes` is there to avoid, on a slow disk."""
    with path.open("wb", buffering=0) as file:
        size = len(data) // PIECES + 1
        for start in range(0, len(data), size):
            file.write(data[start : start + size])
            time.sleep(SLOW_WRITE / PIECES)


def step_slowly() -> None:
    """Take long for a step, as large networks do."""
    from pgpipe.training.phase import PhaseTraining

    step = PhaseTraining.train_step

    def slow(training: PhaseTraining) -> None:
        step(training)
        time.sleep(SLOW_STEP)

    PhaseTraining.train_step = slow  # type: ignore[method-assign, assignment]


def forget_slowly() -> None:
    """Have the noise of least squares last: its running score moves twenty times as slowly."""
    from pgpipe.gan.losses import lsgan
    from pgpipe.gan.losses.loss import AdaptiveNoise

    lsgan.LOSS = lsgan.LOSS._replace(
        noise=AdaptiveNoise(
            lambda before, fake: torch.lerp(before, fake.mean().clamp(0, 1), 0.005),
            lsgan.noise_strength,
        )
    )
