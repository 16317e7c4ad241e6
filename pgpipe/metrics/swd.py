"""Sliced Wasserstein distance of image patches, level by level (Karras et al. 2018, section 5).

From each image and level of a Laplacian pyramid down to 16x16, 128 random 7x7 patches; each
channel normalised over the whole set; 4 times 128 random directions (Rabin et al. 2011). Lower is
better, 0 for equal sets of patches; the floor is what two halves of the reals score. Times 10^3.

The images are read once. Then one level at a time, and of its 512 directions as many at once as the
memory allows: two sets of 16,384 images project on one to 2 * 16,384 * 128 * 4 bytes = 17 MB.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgpipe import rng
from pgpipe.images import Readable
from pgpipe.metrics.bootstrap import EVERY, REPLICATES, ResampledDistance, with_interval
from pgpipe.metrics.config import Protocol
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
from pgpipe.metrics.streams import Stream, stream
from pgpipe.plumbing.processes.group import ALONE, Processes

REPEATS = 4
DIRECTIONS = 128  # a repeat
SCALE = 1e3
PIECES = 8  # of the rows, that each thread sorts one after the other
MEMORY = 2 << 30  # bytes on a CPU for patches and projections; 16,384 images take below 3 GB in all


@dataclass(frozen=True)
class Distance:
    """The distance of one level, times 10^3."""

    value: float
    replicates: NDArray[np.float64]  # [replicates]: of resampled images, or none


def swd(
    reals: Stream, fakes: Stream, seed: int, device: torch.device, memory: int | None = None
) -> dict[int, float]:
    """The distance of two sets of equally many, equally large images at each level.

    Args:
        reals: uint8 batches, read once.
        fakes: the same.
        seed: of patches and directions.
        device: that computes.
        memory: bytes for patches and projections, or a default. More patches go to the disk, a GB
            for 14,000 images and level. It decides the time alone.

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
    group: Processes = ALONE,
) -> dict[int, Distance]:
    """As `swd`, each distance with so many of resampled images (`pgpipe.metrics.bootstrap`).

    Of a group, each process has its share of the levels, and gets the distances of all.
    """
    memory = memory or default_memory(device)
    a = describe(reals, "real", seed, device, memory // 4, group)
    b = describe(fakes, "fake", seed, device, memory // 4, group)
    kept = group.joined([level.store.kept for level in [*a.values(), *b.values()]])
    memory -= sum(kept)  # of all levels, so that projections are the same blocks as of one process
    own = [(size, distance(a[size], b[size], seed, memory, replicates)) for size in a]
    return dict(group.joined(own))


def scores(
    fakes: Readable,
    reals: Readable | None,
    protocol: Protocol,
    device: torch.device,
    group: Processes = ALONE,
) -> dict[str, float | None]:
    """`swd_R` of each level and `swd_avg`, each with its 95 % interval: `swd_avg_low`, ....

    All are None without `reals` to compare with.
    """
    if reals is None:
        levels = resolutions(fakes[:1].shape[1], SMALLEST)
        return dict.fromkeys([*(f"swd_{level}" for level in levels), "swd_avg"])
    a, b = (stream(images, protocol.swd_images) for images in (reals, fakes))
    found = distances(a, b, protocol.seed, device, replicates=REPLICATES, group=group)
    named = {f"swd_{resolution}": distance for resolution, distance in found.items()}
    values, replicates = zip(*((d.value, d.replicates) for d in found.values()), strict=True)
    # Replicates of all levels draw the same images, so that their mean is one of the average.
    named["swd_avg"] = Distance(float(np.mean(values)), np.mean(replicates, axis=0))
    scored: dict[str, float | None] = {}
    for name, distance in named.items():
        scored |= with_interval(name, distance.value, distance.replicates)
    return scored


def default_memory(device: torch.device) -> int:
    """Bytes for patches and projections: of a CUDA device half of what is free."""
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else MEMORY


def distance(a: Descriptors, b: Descriptors, seed: int, memory: int, replicates: int) -> Distance:
    """Return the distance of one level, with projections in `memory` bytes."""
    assert a.images == b.images, "unequal numbers of images do not compare"
    spread = ResampledDistance(a, b, seed, replicates) if replicates else None
    value = SCALE * sliced_distance(a, b, seed, memory, spread)
    return Distance(value, np.zeros(0) if spread is None else SCALE * spread.distances())


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
    axes = directions(seed, a.key.device)
    size = min(max(memory // (2 * 4 * count) // EVERY, 1) * EVERY, axes.shape[1])
    buffers = axes.new_empty(2, size, count)
    total = 0.0
    for block in axes.split(size, dim=1):
        projections = buffers[:, : block.shape[1]]
        for some, into in zip((a, b), projections, strict=True):
            project(some, block, into)
        if spread is not None:
            spread.add(block[:, ::EVERY], projections[:, ::EVERY])
        for some in projections:
            sort(some)
        total += difference(*projections)
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


def difference(a: Tensor, b: Tensor) -> float:
    """Sum of the absolute differences of two sets of rows [n, M]: a row at a time is small."""
    gaps = ((x - y).abs_() for x, y in zip(a, b, strict=True))
    return float(sum(row.sum(dtype=torch.float64).item() for row in gaps))


def sort(rows: Tensor) -> None:
    """Sort each row in place; on a CPU numpy's sort is several times as fast as torch's."""
    if rows.device.type == "cpu":
        threads = torch.get_num_threads()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(np.ndarray.sort, np.array_split(rows.numpy(), threads * PIECES)))
    else:
        for some in rows.split(EVERY):
            some.copy_(some.sort(dim=1).values)
