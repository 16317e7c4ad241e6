"""Random patches of one pyramid level of a set of images, as batches of descriptors.

N images, 128 patches each, M = 128 N; a descriptor is 7 rows x 7 columns x 3 channels, in this
order, and each channel has mean 0 and deviation 1 over the whole set (Karras et al. 2018, section
5). The patches of 16,384 images are 1.2 GB a level, so they are kept only where they fit, and cut
anew from the images each time that they are read where they do not.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.metrics.pyramid import laplacian_level
from pgpipe.metrics.streams import Stream, chunks

SMALLEST = 16  # pixels of the coarsest level
PATCH = 7  # pixels
PATCHES = 128  # from each image and level
CHANNELS = 3
SIZE = PATCH * PATCH * CHANNELS  # numbers of a descriptor
KEPT = 32 * PATCHES  # descriptors that are read at once, where they are kept

Source = Callable[[], Iterable[Tensor]]  # batches float32 [n * 128, 147], anew at each call


@dataclass(frozen=True)
class Descriptors:
    """The normalised patches of one level of a set."""

    source: Source  # before they are normalised
    kept: int  # bytes of memory that the source holds
    sums: Tensor  # float64 [N, 2, 3]: of each image's values and squares

    @property
    def images(self) -> int:
        """N."""
        return len(self.sums)

    def batches(self) -> Iterator[Tensor]:
        """float32 [n * 128, 147], in the images' order."""
        mean, deviation = moments(self.sums.sum(dim=0), self.images)
        scale = torch.where(deviation > 0, deviation, 1.0)  # a constant channel has no distance
        mean, scale = (x.float().repeat(PATCH * PATCH) for x in (mean, scale))
        return ((batch - mean) / scale for batch in self.source())


def moments(sums: Tensor, images: int) -> tuple[Tensor, Tensor]:
    """Means and deviations of the channels from sums [..., 2, 3] over so many images: [..., 3]."""
    mean, square = (sums / (images * PATCHES * PATCH * PATCH)).unbind(dim=-2)
    return mean, (square - mean**2).clamp(min=0).sqrt()


def describe(
    images: Stream, resolution: int, name: str, seed: int, device: torch.device, memory: int
) -> Descriptors:
    """The descriptors of one level; the patches are kept if they take at most `memory` bytes.

    Where they lie depends on the seed, the `name` of the set, the level and the image's number.
    """

    def cut() -> Iterator[Tensor]:
        return patches_of(images, resolution, name, seed, device)

    # One block, of which only what is written to takes memory, and which is given back as a whole.
    held = torch.empty(memory // (4 * SIZE), SIZE, device=device)
    sums, count = [], 0
    for batch in cut():
        sums.append(sums_of(batch))
        if count + len(batch) <= len(held):
            held[count : count + len(batch)] = batch
        else:
            held = held.new_empty(0, SIZE)
        count += len(batch)
    if len(held) == 0:
        return Descriptors(cut, 0, torch.cat(sums))
    return Descriptors(lambda: held[:count].split(KEPT), count * 4 * SIZE, torch.cat(sums))


def sums_of(batch: Tensor) -> Tensor:
    """Sums of the values and of their squares in each image's patches: float64 [n, 2, 3]."""
    values = batch.double().view(-1, PATCHES * PATCH * PATCH, CHANNELS)
    return torch.stack([values.sum(dim=1), values.square().sum(dim=1)], dim=1)


def patches_of(
    images: Stream, resolution: int, name: str, seed: int, device: torch.device
) -> Iterator[Tensor]:
    """Patches of one level of all images: batches float32 [n * 128, 147]."""
    key = rng.key(seed, f"patches {name} {resolution}", 0, device)
    first = 0
    for chunk in chunks(images):
        x = torch.tensor(chunk, device=device).float().expand(-1, -1, -1, CHANNELS)  # gray, too
        yield patches(laplacian_level(x, resolution, SMALLEST).contiguous(), key, first)
        first += len(chunk)


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
