"""How far an encoder's reconstructions are from their originals, and from other reals.

The error says how much of an image its code keeps. The distance to reals is that of generated
images (`swd`), so that decoded codes of images and of N(0, I) compare.
"""

from collections.abc import Mapping

import numpy as np
import torch

from pgpipe.images import Readable
from pgpipe.metrics import swd
from pgpipe.metrics.config import Protocol
from pgpipe.metrics.streams import stream
from pgpipe.plumbing.processes.group import ALONE, Processes

PREFIX = "reconstruction_"


def error(originals: Readable, reconstructions: Readable) -> float:
    """Root of the mean squared difference of 8-bit pixels, of uint8 [N, R, R, C] each."""
    total, numbers = 0.0, 0
    pairs = zip(
        *(stream(some, len(originals))() for some in (originals, reconstructions)), strict=True
    )
    for wanted, found in pairs:
        difference = wanted.astype(np.float64) - found
        total, numbers = total + float(np.square(difference).sum()), numbers + difference.size
    return float((total / numbers) ** 0.5)


def scores(
    originals: Readable,
    reconstructions: Readable,
    reals: Readable | None,
    protocol: Protocol,
    device: torch.device,
    group: Processes = ALONE,
) -> dict[str, float | None]:
    """`reconstruction_error` of the first images, as many as there are originals; SWD of all."""
    distances = swd.scores(reconstructions, reals, protocol, device, group)
    return {
        f"{PREFIX}error": error(originals, reconstructions),
        **{f"{PREFIX}{name}": value for name, value in distances.items()},
    }


def of_reals(own: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return what reals score that stand for their reconstructions, from their own scores."""
    distances = {name: value for name, value in own.items() if name.startswith("swd_")}
    return {f"{PREFIX}error": 0.0, **{f"{PREFIX}{name}": v for name, v in distances.items()}}
