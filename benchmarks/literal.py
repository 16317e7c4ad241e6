"""The literal implementations of tests/literal, at the same patches and directions as ours.

They stay with the tests, which they exist for: shipped with the package they would be a second
implementation to choose from. So whoever compares with them needs a checkout.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray

from pgpipe import rng
from pgpipe.errors import UsageError
from pgpipe.images import Images
from pgpipe.metrics.patches import CHANNELS, PATCH, PATCHES
from pgpipe.metrics.swd import directions

TESTS = Path(__file__).parents[1] / "tests"

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def literal(name: str) -> ModuleType:
    """The module tests/literal/`name`.py."""
    if not (TESTS / "literal" / f"{name}.py").exists():
        raise UsageError(f"{TESTS / 'literal'}: not there; a benchmark needs a checkout of pgpipe")
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    return import_module(f"literal.{name}")


def corners(seed: int, count: int) -> Callable[[str, int, int, int], tuple[Ints, Ints]]:
    """Where the patches of `count` images lie: (set, level, height, width) -> (tops, lefts)."""

    def of_level(name: str, _level: int, height: int, _width: int) -> tuple[Ints, Ints]:
        key = rng.key(seed, f"patches {name} {height}", 0)
        drawn = rng.integers(height - PATCH + 1, (count, PATCHES, 2), key).numpy()
        return drawn[..., 0], drawn[..., 1]

    return of_level


def axes(seed: int) -> Callable[[int], Floats]:
    """The directions of a level, their components in the order channel, row, column."""
    pixelwise = directions(seed, torch.device("cpu")).double().view(PATCH * PATCH, CHANNELS, -1)
    channelwise: Floats = pixelwise.transpose(0, 1).flatten(0, 1).numpy()
    return lambda _level: channelwise


def swd(reals: Images, fakes: Images, seed: int) -> list[float]:
    """The literal distances of all levels, finest first."""
    found: list[float] = literal("swd").swd(reals, fakes, corners(seed, len(reals)), axes(seed))
    return found


def ms_ssim(images: Images) -> float:
    """The literal mean over consecutive pairs."""
    found: float = literal("ms_ssim").ms_ssim_of(images)
    return found
