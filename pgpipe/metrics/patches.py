"""Random patches of each pyramid level of a set of images, as batches of descriptors.

N images, 128 patches each, M = 128 N; a descriptor is 7 rows x 7 columns x 3 channels, in this
order, and each channel has mean 0 and deviation 1 over the whole set (Karras et al. 2018, section
5). The images are read once, as large ones take long to read and to filter. The patches of 16,384
of them are 1.2 GB a level, which go to the disk where they do not fit.
"""

from array import array
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.metrics.pyramid import laplacian, resolutions
from pgpipe.metrics.store import Store
from pgpipe.metrics.streams import Stream, chunks
from pgpipe.plumbing.processes.group import ALONE, Processes

SMALLEST = 16  # pixels of the coarsest level
PATCH = 7  # pixels
PATCHES = 128  # from each image and level
CHANNELS = 3
SIZE = PATCH * PATCH * CHANNELS  # numbers of a descriptor


class Descriptors:
    """The normalised patches of one level of a set, which grows by its images."""

    def __init__(self, key: Tensor, memory: int) -> None:
        """Patches lie where the key says; at most `memory` bytes of them are kept in memory."""
        self.key, self.store = key, Store(SIZE, memory, key.device)
        self.numbers = array("d")  # of `sums`; small tensors keep large ones' memory from reuse

    @property
    def images(self) -> int:
        """The number of images N."""
        return self.store.rows // PATCHES

    @property
    def sums(self) -> Tensor:
        """Sums of each image's values and squares: float64 [N, 2, 3]."""
        numbers = torch.from_numpy(np.array(self.numbers))
        return numbers.view(-1, 2, CHANNELS).to(self.key.device)

    def cut(self, level: Tensor) -> None:
        """Add the patches of the next images of this level: float32 [n, H, W, 3]."""
        batch = patches(level.contiguous(), self.key, self.images)
        self.store.append(batch)
        self.numbers.extend(sums_of(batch).flatten().tolist())

    def batches(self) -> Iterator[Tensor]:
        """float32 [n * 128, 147], in the images' order."""
        mean, deviation = moments(self.sums.sum(dim=0), self.images)
        scale = torch.where(deviation > 0, deviation, 1.0)  # a constant channel has no distance
        mean, scale = (x.float().repeat(PATCH * PATCH) for x in (mean, scale))
        return ((batch - mean) / scale for batch in self.store.batches())


def moments(sums: Tensor, images: int) -> tuple[Tensor, Tensor]:
    """Means and deviations of the channels from sums [..., 2, 3] over so many images: [..., 3]."""
    mean, square = (sums / (images * PATCHES * PATCH * PATCH)).unbind(dim=-2)
    return mean, (square - mean**2).clamp(min=0).sqrt()


def describe(
    images: Stream,
    name: str,
    seed: int,
    device: torch.device,
    memory: int,
    group: Processes = ALONE,
) -> dict[int, Descriptors]:
    """The descriptors of each level, finest first, of images that are read once.

    Where patches lie depends on the seed, the `name` of the set, the level and the image's number.
    At most `memory` bytes of them are kept in memory, an equal share of each level. Of a group,
    each process has its share of the levels.
    """
    found: dict[int, Descriptors] = {}
    for chunk in chunks(images):
        x = torch.tensor(chunk, device=device).float().expand(-1, -1, -1, CHANNELS)  # gray, too
        sizes = list(resolutions(x.shape[1], SMALLEST))
        found = found or levels(group.share(sizes), name, seed, device, memory // len(sizes))
        if not found:
            break  # there are more processes than levels
        for size, level in zip(sizes, laplacian(x, SMALLEST), strict=True):
            if size in found:
                found[size].cut(level)
    return found


def levels(
    sizes: Sequence[int], name: str, seed: int, device: torch.device, memory: int
) -> dict[int, Descriptors]:
    """Return descriptors of no images yet by resolution, each with so much memory."""
    keys = (rng.key(seed, f"patches {name} {size}", 0, device) for size in sizes)
    return {size: Descriptors(key, memory) for size, key in zip(sizes, keys, strict=True)}


def sums_of(batch: Tensor) -> Tensor:
    """Sums of the values and of their squares in each image's patches: float64 [n, 2, 3]."""
    values = batch.double().view(-1, PATCHES * PATCH * PATCH, CHANNELS)
    return torch.stack([values.sum(dim=1), values.square().sum(dim=1)], dim=1)


def patches(level: Tensor, key: Tensor, first: int) -> Tensor:
    """128 random patches of each image [N, H, W, C], the first of them number `first` of its set.

    Returns:
        [N * 128, 7 * 7 * C].
    """
    N, H, W, C = level.shape
    corners = rng.integers(H - PATCH + 1, (N, PATCHES, 2), key, skip=2 * PATCHES * first)
    image = torch.arange(N, device=level.device)[:, None].expand(N, PATCHES)
    windows = level.as_strided(  # all 7x7 windows, a row of one is contiguous
        (N, H - PATCH + 1, W - PATCH + 1, PATCH, PATCH * C), (H * W * C, W * C, C, W * C, 1)
    )
    return take(windows, image, *corners.unbind(dim=-1)).reshape(N * PATCHES, -1)


def take(windows: Tensor, *indices: Tensor) -> Tensor:
    """windows[indices]; on a CPU numpy copies small pieces several times as fast as torch."""
    if windows.device.type == "cpu":
        return torch.from_numpy(windows.numpy()[tuple(index.numpy() for index in indices)])
    return windows[indices]
