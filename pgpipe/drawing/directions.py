"""Directions of the latents that mean something, in closed form: SeFa (Shen and Zhou 2021).

A latent z meets G's first layer as A z + b. The unit vectors n that change its output most, |A n|,
are the eigenvectors of A^T A with the largest eigenvalues; nothing is trained or labelled.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pgpipe.drawing import seeds as by_seed
from pgpipe.drawing.writing import titled
from pgpipe.errors import UsageError
from pgpipe.gan.generator import Generator
from pgpipe.gan.layers import Seed4x4
from pgpipe.images import Images, grid, write_png

MOST_IMAGES = 4096
TILE = 64  # pixels of an image, at least


def directions(generator: Generator, count: int) -> Tensor:
    """Return unit latents [count, latent_size] that change the first layer most, the most first.

    The labels' part of the layer is left out. Of n and -n, the one counts whose largest number is
    positive.

    Raises:
        UsageError: there are fewer.
    """
    size = generator.spec.latent_size
    if count > size:
        raise UsageError(f"--count: {count} directions of a latent of {size} numbers")
    weight = first_weight(generator)[:size].double().cpu()
    found = torch.linalg.eigh(weight @ weight.T).eigenvectors.T.flip(0)[:count]
    largest = found.gather(1, found.abs().argmax(dim=1, keepdim=True))
    signed: Tensor = (found * largest.sign()).float()
    return signed


@torch.no_grad()
def first_weight(generator: Generator) -> Tensor:
    """Return the first layer's weight, [latent_size + classes, outputs]."""
    first = generator.layers()[0]
    weight = first.scaled().flatten(1) if isinstance(first, Seed4x4) else first.scaled().T
    if len(weight) != generator.spec.latent_size + generator.spec.condition:
        raise UsageError(
            f"a {generator.spec.name} has no layer that the whole latent enters, so no directions"
        )
    return weight


def write(
    path: Path, generator: Generator, seeds: Sequence[int], count: int, steps: int, reach: float
) -> None:
    """Write a picture of strips, a row per seed, below the number of their direction."""
    found = directions(generator, count)
    z, labels = by_seed.latents(generator, seeds), by_seed.labels(generator, seeds)
    drawn = np.stack(list(strips(generator, found, z, labels, steps, reach)))
    of_each = drawn.reshape(count, len(seeds) * steps, *drawn.shape[2:])
    pictures = [
        titled(grid(images, steps, TILE), f"direction {n + 1}") for n, images in enumerate(of_each)
    ]
    write_png(path, np.concatenate(pictures))


def strips(
    generator: Generator, found: Tensor, z: Tensor, labels: Tensor | None, steps: int, reach: float
) -> Iterator[Images]:
    """Yield, for each direction and latent, the images on the way along it.

    Args:
        generator: draws them.
        found: directions [D, latent_size].
        z: latents [N, latent_size].
        labels: of the latents, int64 [N].
        steps: images of a strip; with an odd number, the one in the middle is the latent's own.
        reach: how far the ends are from the latent, in its lengths.

    Yields:
        D * N strips uint8 [steps, R, R, C], those of a direction after one another.
    """
    way = torch.linspace(-reach, reach, steps)[:, None]
    for direction in found:
        for n, latent in enumerate(z):
            along = latent + way * latent.norm() * direction
            same = None if labels is None else labels[n].expand(steps)
            yield next(iter(by_seed.draw(generator, along, same)))
