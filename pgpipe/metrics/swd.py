"""Sliced Wasserstein distance of image patches, level by level (Karras et al. 2018, section 5).

From each image and level of a Laplacian pyramid down to 16x16, 128 random 7x7 patches; each
channel normalised over the whole set; 4 times 128 random directions (Rabin et al. 2011). Lower is
better, 0 for equal sets of patches; the floor is what two halves of the reals score. Times 10^3.
Where the patches lie depends on the seed, the level and the image's number, not on batching.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.images import Images
from pgpipe.metrics.pyramid import laplacian_pyramid

SMALLEST = 16  # pixels of the coarsest level
PATCH = 7  # pixels
PATCHES = 128  # from each image and level
REPEATS = 4
DIRECTIONS = 128  # a repeat
SCALE = 1e3

Stream = Callable[[], Iterable[Images]]  # batches uint8 [n, H, W, 1 or 3], anew at each call


def swd(reals: Stream, fakes: Stream, seed: int, device: torch.device) -> dict[int, float]:
    """The distance of two sets of equally many, equally large images, a level at a time.

    Returns:
        Resolution of the level (finest first) -> distance times 10^3.
    """
    distances = {}
    level = next(iter(reals())).shape[1]
    while level >= SMALLEST:
        a = normalised(descriptors(reals, level, "real", seed, device))
        b = normalised(descriptors(fakes, level, "fake", seed, device))
        assert a.shape == b.shape, "unequal numbers of images do not compare"
        distances[level] = SCALE * sliced_distance(a, b, seed)
        level //= 2
    return distances


def descriptors(
    images: Stream, resolution: int, name: str, seed: int, device: torch.device
) -> Tensor:
    """Patches of one level of all images: float32 [N * 128, C, 7, 7]."""
    key = rng.key(seed, f"patches {name} {resolution}", 0, device)
    parts: list[Tensor] = []
    count = 0
    for batch in images():
        pyramid = laplacian_pyramid(rgb(torch.from_numpy(batch).to(device)), SMALLEST)
        level = next(level for level in pyramid if level.shape[-1] == resolution)
        parts.append(patches(level, key, count))
        count += len(batch)
    return torch.cat(parts)


def rgb(images: Tensor) -> Tensor:
    """uint8 [N, H, W, C] -> float32 [N, 3, H, W] in 0..255; gray is repeated."""
    return images.permute(0, 3, 1, 2).float().expand(-1, 3, -1, -1)


def patches(level: Tensor, key: Tensor, first: int) -> Tensor:
    """128 random patches of each image [N, C, H, W], the first of them number `first` of its set.

    Returns:
        [N * 128, C, 7, 7].
    """
    N, _, H, _ = level.shape
    shape = (N, PATCHES, 2)
    corners = rng.integers(H - PATCH + 1, shape, key, skip=2 * PATCHES * first)
    taps = torch.arange(PATCH, device=level.device)
    rows = (corners[..., 0, None] + taps)[:, :, :, None]  # [N, 128, 7, 1]
    columns = (corners[..., 1, None] + taps)[:, :, None, :]  # [N, 128, 1, 7]
    image = torch.arange(N, device=level.device).view(N, 1, 1, 1)
    found = level.permute(0, 2, 3, 1)[image, rows, columns]  # [N, 128, 7, 7, C]
    return found.flatten(0, 1).permute(0, 3, 1, 2)


def normalised(patches: Tensor) -> Tensor:
    """[M, C, 7, 7] -> [M, C * 49]: each channel with mean 0 and deviation 1 over the whole set."""
    deviation, mean = torch.std_mean(patches.double(), dim=(0, 2, 3), correction=0, keepdim=True)
    scale = torch.where(deviation > 0, deviation, 1.0)  # a constant channel has no distance
    return ((patches - mean.float()) / scale.float()).flatten(1)


def directions(size: int, seed: int, device: torch.device) -> Tensor:
    """Random unit vectors as columns: [size, 512]."""
    drawn = rng.normal((size, REPEATS * DIRECTIONS), rng.key(seed, "directions", 0, device))
    units: Tensor = drawn / drawn.norm(dim=0, keepdim=True)
    return units


def sliced_distance(a: Tensor, b: Tensor, seed: int) -> float:
    """Mean absolute difference of sorted projections of [M, D] and [M, D] (Rabin et al. 2011).

    The mean over the 4 repeats' means is the mean over all 512 directions.
    """
    total = 0.0
    axes = directions(a.shape[1], seed, a.device)
    for some in axes.split(32, dim=1):
        difference = sort(some.T @ a.T) - sort(some.T @ b.T)  # [32, M]
        total += difference.abs_().sum(dtype=torch.float64).item()
    return total / (len(a) * axes.shape[1])


def sort(rows: Tensor) -> Tensor:
    """Sort each row; on a CPU numpy's vectorised sort is several times as fast as torch's."""
    if rows.device.type == "cpu":
        rows.numpy().sort(axis=1)
    else:
        rows = rows.sort(dim=1).values
    return rows


def average(distances: dict[int, float]) -> float:
    """The mean over the levels."""
    return float(np.mean(list(distances.values())))
