"""Walks through the latents: closed tours from seed to seed, and the smooth random walk.

A walk is a tensor of latents [frames, cells, latent_size]; each cell of the picture has its own.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.drawing import seeds as by_seed
from pgpipe.gan.generator import Generator
from pgpipe.gan.sampling import spherical_path
from pgpipe.images import Images, grid

TILE = 128  # pixels of an image in a film, at least
SMOOTHNESS = 45  # frames: standard deviation of the Gaussian that smooths a random walk


def starts_of(seeds: int, cells: int) -> list[int]:
    """Return the place among so many seeds at which each cell begins: as far apart as can be."""
    return [n * seeds // cells if cells <= seeds else n % seeds for n in range(cells)]


def tour(generator: Generator, seeds: Sequence[int], frames: int, cells: int) -> Tensor:
    """Return great circles from seed to seed and back to the first, so many frames each.

    Each cell begins at another seed.

    Returns:
        [len(seeds) * frames, cells, latent_size].
    """
    z = by_seed.latents(generator, seeds)
    rolled = [z.roll(-start, 0) for start in starts_of(len(seeds), cells)]
    closed = [torch.cat([ends, ends[:1]]) for ends in rolled]
    return torch.stack([path(ends, frames) for ends in closed], dim=1)


def path(ends: Tensor, frames: int) -> Tensor:
    """Return great circles between latents [n + 1, L], each without its end: [n * frames, L].

    Lengths of latents are not kept; a generator that does not normalise them gets the expected one.
    """
    steps = spherical_path(ends, frames + 1).view(len(ends) - 1, frames + 1, -1)[:, :-1]
    found: Tensor = steps.flatten(0, 1) * math.sqrt(ends.shape[1])
    return found


def random_walk(generator: Generator, seed: int, frames: int, cells: int) -> Tensor:
    """Return latents that move smoothly and come back to where they began.

    Independent normal latents per frame are smoothed over time by a Gaussian, around the end to the
    beginning, and brought back to the length that latents have (the authors' video of 2018).

    Returns:
        [frames, cells, latent_size].
    """
    size = generator.spec.latent_size
    noise = rng.normal((frames, cells * size), rng.key(seed, "walk", 0))
    time = torch.arange(frames)
    distance = torch.minimum(time, frames - time)
    width = min(SMOOTHNESS, frames / 8)
    kernel = torch.exp(-0.5 * (distance / width).double().square())
    spectrum = torch.fft.rfft(noise.double(), dim=0) * torch.fft.rfft(kernel)[:, None]
    smooth = torch.fft.irfft(spectrum, n=frames, dim=0).view(frames, cells, size)
    length = smooth.square().mean(dim=2, keepdim=True).sqrt()
    walked: Tensor = (smooth / length).float()
    return walked


def class_tour(numbers: Sequence[int], classes: int, frames: int) -> Tensor:
    """Return shares of the classes that go from class to class and back to the first.

    Returns:
        [len(numbers) * frames, classes]; each sums to 1.
    """
    ends = torch.eye(classes)[list(numbers)]
    after = ends.roll(-1, 0)
    t = torch.arange(frames)[None, :, None] / frames
    return torch.lerp(ends[:, None], after[:, None], t).flatten(0, 1)


class Asked(NamedTuple):
    """What a walk goes through."""

    seeds: Sequence[int]
    classes: Sequence[int]  # numbers of classes; none: each seed's own
    smooth: bool  # a random walk instead of a tour
    frames: int  # from one seed, or class, to the next
    cells: int  # walks side by side


def length(asked: Asked) -> int:
    """Return the frames of a walk."""
    return asked.frames * len(asked.classes or asked.seeds)


def pictures(generator: Generator, asked: Asked, columns: int) -> Iterator[Images]:
    """Yield the frames of a walk, uint8 [H, W, C]: a grid of so many columns.

    Where classes are named, each cell stays at the latent of its seed while the class changes; else
    the classes are those that the seeds draw, and change as the latents do.
    """
    count, classes = length(asked), generator.spec.classes
    if asked.smooth:
        z = random_walk(generator, asked.seeds[0], count, asked.cells)
    elif asked.classes:
        seeds = [asked.seeds[n % len(asked.seeds)] for n in range(asked.cells)]
        z = by_seed.latents(generator, seeds).expand(count, -1, -1)
    else:
        z = tour(generator, asked.seeds, asked.frames, asked.cells)
    shares = shares_of(generator, asked, count) if classes else None
    for n in range(count):
        of_frame = None if shares is None else shares[n]
        drawn = np.concatenate(list(by_seed.draw(generator, z[n], of_frame)))
        yield grid(drawn, columns, TILE)


def shares_of(generator: Generator, asked: Asked, count: int) -> Tensor:
    """Return the shares of the classes in each frame and cell: [frames, cells, classes]."""
    classes = generator.spec.classes
    if asked.classes:
        shares = class_tour(asked.classes, classes, asked.frames)
        return shares[:, None].expand(-1, asked.cells, -1)
    own = by_seed.labels(generator, asked.seeds)
    assert own is not None
    if asked.smooth:  # each cell keeps the class of a seed
        kept = own[torch.arange(asked.cells) % len(own)]
        return torch.eye(classes)[kept].expand(count, -1, -1)
    starts = starts_of(len(asked.seeds), asked.cells)
    tours = [class_tour(own.roll(-start).tolist(), classes, asked.frames) for start in starts]
    return torch.stack(tours, dim=1)
