"""Sliced Wasserstein distance of image patches, level by level (Karras et al. 2018, section 5).

From each image and level of a Laplacian pyramid down to 16x16, 128 random 7x7 patches; each
channel normalised over the whole set; 4 times 128 random directions (Rabin et al. 2011). Lower is
better, 0 for equal sets of patches; the floor is what two halves of the reals score. Times 10^3.

One level at a time, and of its 512 directions as many at once as the memory allows. Two sets of
16,384 images project on a direction to 2 * 16,384 * 128 * 4 bytes = 17 MB.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgpipe import rng
from pgpipe.metrics.bootstrap import EVERY, ResampledDistance
from pgpipe.metrics.patches import (
    CHANNELS,
    PATCH,
    PATCHES,
    SIZE,
    SMALLEST,
    Descriptors,
    describe,
)
from pgpipe.metrics.pyramid import resolutions
from pgpipe.metrics.streams import Stream

REPEATS = 4
DIRECTIONS = 128  # a repeat
SCALE = 1e3
LARGE = 256  # pixels, above which it is images that are big, not their patches


@dataclass(frozen=True)
class Distance:
    """Of one level, times 10^3."""

    value: float
    replicates: NDArray[np.float64]  # [replicates]: of resampled images, or none


def swd(
    reals: Stream, fakes: Stream, seed: int, device: torch.device, memory: int | None = None
) -> dict[int, float]:
    """The distance of two sets of equally many, equally large images at each level.

    Args:
        reals: uint8 batches, read once a level where `memory` holds the patches, else more often.
        fakes: the same.
        seed: of patches and directions.
        device: that computes.
        memory: bytes for patches and projections, or a default. It decides the time alone.

    Returns:
        Resolution of the level (finest first) -> distance times 10^3.
    """
    found = distances(reals, fakes, seed, device, memory)
    return {resolution: distance.value for resolution, distance in found.items()}


def distances(
    reals: Stream,
    fakes: Stream,
    seed: int,
    device: torch.device,
    memory: int | None = None,
    replicates: int = 0,
) -> dict[int, Distance]:
    """As `swd`, each distance with so many of resampled images (`pgpipe.metrics.bootstrap`)."""
    found = {}
    finest = next(iter(reals())).shape[1]
    memory = memory or default_memory(finest)
    for resolution in resolutions(finest, SMALLEST):
        a = describe(reals, resolution, "real", seed, device, memory // 4)
        b = describe(fakes, resolution, "fake", seed, device, memory // 4)
        assert a.images == b.images, "unequal numbers of images do not compare"
        spread = ResampledDistance(a, b, seed, replicates) if replicates else None
        value = SCALE * sliced_distance(a, b, seed, memory - a.kept - b.kept, spread)
        resampled = np.zeros(0) if spread is None else SCALE * spread.distances()
        found[resolution] = Distance(value, resampled)
    return found


def default_memory(resolution: int) -> int:
    """Bytes for patches and projections, so that 16,384 images take below 3 GB, large ones 8 GB.

    Small images are read again for each block of directions. Of large ones that would take hours,
    so that the patches of a level are kept.
    """
    return (6 if resolution > LARGE else 2) << 30


def sliced_distance(
    a: Descriptors,
    b: Descriptors,
    seed: int,
    memory: int,
    spread: ResampledDistance | None = None,
) -> float:
    """Mean absolute difference of sorted projections (Rabin et al. 2011).

    The mean over the 4 repeats' means is the mean over all 512 directions. Of every eighth,
    `spread` sees the projections.
    """
    count = a.images * PATCHES
    axes = directions(seed, a.sums.device)
    size = min(max(memory // (2 * 4 * count) // EVERY, 1) * EVERY, axes.shape[1])
    buffers = axes.new_empty(2, size, count)
    total = 0.0
    for block in axes.split(size, dim=1):
        projections = buffers[:, : block.shape[1]]
        for some, into in zip((a, b), projections, strict=True):
            project(some, block, into)
        if spread is not None:
            spread.add(block[:, ::EVERY], projections[:, ::EVERY])
        total += difference(projections)
    return total / (count * axes.shape[1])


def directions(seed: int, device: torch.device) -> Tensor:
    """Random unit vectors as columns: [147, 512], drawn in the order channel, row, column."""
    drawn = rng.normal((SIZE, REPEATS * DIRECTIONS), rng.key(seed, "directions", 0, device))
    units: Tensor = drawn / drawn.norm(dim=0, keepdim=True)
    return units.view(CHANNELS, PATCH * PATCH, -1).transpose(0, 1).reshape(SIZE, -1)


def project(descriptors: Descriptors, axes: Tensor, into: Tensor) -> None:
    """Write the projections on the columns of [147, n] into [n, M]."""
    start = 0
    for batch in descriptors.batches():
        torch.mm(axes.T, batch.T, out=into[:, start : start + len(batch)])
        start += len(batch)


def difference(projections: Tensor) -> float:
    """Sum of the absolute differences of two sorted sets of rows [2, n, M], which it overwrites."""
    a, b = projections
    sort(a)
    sort(b)
    gaps = a.sub_(b).abs_()
    return float(sum(row.sum(dtype=torch.float64).item() for row in gaps))  # rows: small copies


def sort(rows: Tensor) -> None:
    """Sort each row in place; on a CPU numpy's sort is several times as fast as torch's."""
    if rows.device.type == "cpu":
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(np.ndarray.sort, rows.numpy()))
    else:
        for some in rows.split(EVERY):
            some.copy_(some.sort(dim=1).values)
