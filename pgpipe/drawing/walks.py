"""Walks through the latents: closed tours from latent to latent, and the smooth random walk.

A walk is a tensor of latents [frames, cells, latent_size]; each cell of the picture has its own.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pgpipe import rng
from pgpipe.drawing import seeds as by_seed
from pgpipe.drawing.films import as_rgb
from pgpipe.gan import latents
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.generator import Generator
from pgpipe.gan.text import encode
from pgpipe.images import Images, grid

TILE = 128  # pixels of an image in a film, at least
SMOOTHNESS = 45  # frames: standard deviation of the Gaussian that smooths a random walk


def starts_of(stops: int, cells: int) -> list[int]:
    """Return the place among so many stops at which each cell begins: as far apart as can be."""
    return [n * stops // cells if cells <= stops else n % stops for n in range(cells)]


def tour(spec: NetworkSpec, stops: Tensor, frames: int, cells: int) -> Tensor:
    """Return the ways from latent to latent and back to the first, so many frames each.

    Each cell begins at another stop.

    Args:
        spec: says what latents are.
        stops: latents [n, latent_size].
        frames: from one to the next.
        cells: walks side by side.

    Returns:
        [n * frames, cells, latent_size].
    """
    rolled = [stops.roll(-start, 0) for start in starts_of(len(stops), cells)]
    closed = [torch.cat([ends, ends[:1]]) for ends in rolled]
    return torch.stack([path(spec, ends, frames) for ends in closed], dim=1)


def path(spec: NetworkSpec, ends: Tensor, frames: int) -> Tensor:
    """Return the ways between latents [n + 1, L], each without its end: [n * frames, L]."""
    steps = latents.path(spec, ends, frames + 1).view(len(ends) - 1, frames + 1, -1)[:, :-1]
    return steps.flatten(0, 1)


def random_walk(generator: Generator, seed: int, frames: int, cells: int) -> Tensor:
    """Return latents that move smoothly and come back to where they began.

    Independent normal latents per frame are smoothed over time by a Gaussian, around the end to the
    beginning, and brought back to what latents are (the authors' video of 2018).

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
    return latents.from_smooth(generator.spec, smooth).float()


def lines(stops: Tensor, frames: int) -> Tensor:
    """Return what goes along straight lines from stop to stop and back to the first.

    Args:
        stops: latents, or shares of the classes: [n, K].
        frames: from one to the next.

    Returns:
        [n * frames, K]; shares sum to 1 if those of the stops do.
    """
    t = torch.arange(frames)[None, :, None] / frames
    return torch.lerp(stops[:, None], stops.roll(-1, 0)[:, None], t).flatten(0, 1)


def lines_side_by_side(stops: Tensor, frames: int, cells: int) -> Tensor:
    """Return the same for several cells, each of which begins at another stop: [.., cells, K]."""
    starts = starts_of(len(stops), cells)
    return torch.stack([lines(stops.roll(-start, 0), frames) for start in starts], dim=1)


class Asked(NamedTuple):
    """What a walk goes through."""

    stops: Tensor  # latents [n, latent_size]
    shares: Tensor | None  # of the classes at each stop [n, classes]
    through: Tensor | None  # classes or texts to go through, as vectors [n, E]; None: of the stops
    smooth: int | None  # the seed of a random walk instead of a tour
    frames: int  # from one stop, or class, to the next
    cells: int  # walks side by side
    straight: bool = False  # from stop to stop along lines, as codes keep their lengths


def length(asked: Asked) -> int:
    """Return the frames of a walk."""
    return asked.frames * len(asked.stops if asked.through is None else asked.through)


def pictures(
    generator: Generator, asked: Asked, columns: int, tile: int = TILE
) -> Iterator[Images]:
    """Yield the frames of a walk, uint8 [H, W, C]: a grid of so many columns.

    Where classes or texts are named, each cell stays at the latent of a stop while they change;
    else the classes are those of the stops, and change as the latents do.
    """
    count = length(asked)
    if asked.smooth is not None:
        z = random_walk(generator, asked.smooth, count, asked.cells)
    elif asked.through is not None:
        z = asked.stops[torch.arange(asked.cells) % len(asked.stops)].expand(count, -1, -1)
    elif asked.straight:
        z = lines_side_by_side(asked.stops, asked.frames, asked.cells)
    else:
        z = tour(generator.spec, asked.stops, asked.frames, asked.cells)
    shares = shares_of(asked, asked.shares, count)
    for n in range(count):
        of_frame = None if shares is None else shares[n]
        drawn = np.concatenate(list(by_seed.draw(generator, z[n], of_frame)))
        yield grid(drawn, columns, tile)


def in_small(
    generator: Generator, stops: int, frames: int, most: int, texts: Sequence[str] = ()
) -> Iterator[Images]:
    """Yield the frames of a closed tour of the first seeds, all its places in one row.

    Args:
        generator: on the device that draws.
        stops: seeds, and places.
        frames: from one seed to the next.
        most: pixels of an image; a larger one is shrunk.
        texts: that a generator draws which takes captions, one after the other.
    """
    seeds = range(stops)
    if generator.spec.captions:
        shares: Tensor | None = encode([texts[seed % len(texts)] for seed in seeds])
    else:
        shares = by_seed.shares(generator, by_seed.labels(generator, seeds))
    asked = Asked(by_seed.latents(generator, seeds), shares, None, None, frames, stops)
    factor = max(1, generator.resolution // most)
    for picture in pictures(generator, asked, stops, tile=0):
        yield np.asarray(Image.fromarray(as_rgb(picture)).reduce(factor))


def shares_of(asked: Asked, own: Tensor | None, count: int) -> Tensor | None:
    """Return the shares of the classes in each frame and cell, [frames, cells, classes].

    Args:
        asked: what the walk goes through.
        own: shares at its stops, [n, classes], if it has classes.
        count: of frames.
    """
    if asked.through is not None:
        shares = lines(asked.through, asked.frames)
        return shares[:, None].expand(-1, asked.cells, -1)
    if own is None:
        return None
    if asked.smooth is not None:  # each cell keeps the class of a stop
        return own[torch.arange(asked.cells) % len(own)].expand(count, -1, -1)
    return lines_side_by_side(own, asked.frames, asked.cells)
