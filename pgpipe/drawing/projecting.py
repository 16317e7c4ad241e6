"""The latent of a photograph: the one whose image is nearest, found by gradient descent.

Random latents are tried, and the best of them descend (Adam, Kingma and Ba 2015) on the squared
difference of pixels, of the image and of its averages down to 4x4, and of D's features where its
weights are at hand. Latents stay where G was trained: on the hypersphere, or in the cube. Where
there is an encoder, the photograph's code descends with them, and codes lie anywhere.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pgpipe.data.reading.decode import Rejected, decode
from pgpipe.data.reading.square import square
from pgpipe.drawing import seeds as by_seed
from pgpipe.drawing.trained import Trained, open_trained
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.gan import latents, started, weights
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.encoding import encode
from pgpipe.gan.generator import Generator
from pgpipe.gan.layers import downsample
from pgpipe.gan.systems import DISCRIMINATOR, SYSTEMS
from pgpipe.images import Images, to_float
from pgpipe.optimisers import Adam
from pgpipe.plumbing import sealed
from pgpipe.plumbing.layout import NETWORKS, STATE

TRIED = 512  # random latents
RATE = 0.1  # of Adam at the start, falling to 0 along half a cosine
FEATURES = 0.1  # weight of D's features, whose difference is relative to their mean square
FRAMES = 40  # latents on the way that are kept

Distance = Callable[[Tensor], Tensor]  # of images [N, C, R, R]: [N]


class Projected(NamedTuple):
    """The latent of a photograph."""

    latent: Tensor  # [latent_size]
    label: int | None
    error: float  # root of the mean squared difference of 8-bit pixels
    way: Tensor  # latents on the way to it, [frames, latent_size]


class Opened(NamedTuple):
    """A generator, and its discriminator where that is at hand."""

    trained: Trained
    discriminator: Discriminator | None


def opened(place: Path) -> Opened:
    """Open a generator, and the discriminator that its folder may hold.

    Raises:
        UsageError: there is none, or an image depends on those that it is drawn with.
        IntegrityError: a file is damaged.
    """
    trained = open_trained(place)
    if trained.generator.spec.generator_norm == "batch":
        raise UsageError(
            f"{place}: has batch normalisation, by which an image has no latent of its own"
        )
    file = next((place / name for name in (STATE, NETWORKS) if (place / name).is_file()), None)
    compares = SYSTEMS[trained.generator.spec.name].networks.get("discriminator") == DISCRIMINATOR
    if file is None or not compares:
        return Opened(trained, None)
    networks = started.read(file)
    discriminator = Discriminator(networks.spec, networks.resolution)
    weights.load(discriminator, networks.named, "discriminator")
    device = next(trained.generator.parameters()).device
    return Opened(trained, discriminator.to(device).requires_grad_(False))


def photograph(file: Path, generator: Generator) -> Images:
    """Return the central square of an image file at a generator's resolution, uint8 [R, R, C].

    Raises:
        UsageError: there is no such file.
        IntegrityError: it is no image.
    """
    spec = generator.spec
    try:
        decoded = decode(sealed.content(file), file.name, 1 if spec.channels == 1 else 3)
    except Rejected as verdict:
        raise IntegrityError(f"{file}: {verdict.reason}") from None
    return np.asarray(square(decoded, generator.resolution, "center")).round().astype(np.uint8)


def project(
    found: Opened,
    photograph: Images,
    label: int | None,
    starts: int,
    steps: int,
    on_step: Callable[[int], object],
) -> Projected:
    """Find the latent whose image is nearest to a photograph.

    Args:
        found: draws the images, and says which are alike.
        photograph: uint8 [R, R, C].
        label: the class to draw, where G has classes; None: that of the best of the random latents.
        starts: random latents that descend, of which the best is taken.
        steps: of the descent.
        on_step: called with the number of steps done.
    """
    generator = found.trained.generator.requires_grad_(False)
    device = next(generator.parameters()).device
    target = to_float(torch.from_numpy(photograph[None]).to(device))
    distance = distance_to(target, found.discriminator)
    z, labels = tried(generator, distance, label, starts)
    placed: Callable[[Tensor], Tensor] = partial(latents.brought_back, generator.spec)
    if found.trained.encoder is not None:
        code = encode(found.trained.encoder, photograph[None]).to(device)
        z, placed = torch.cat([code, z])[:starts], anywhere
    way = descended(generator, distance, placed(z), labels, placed, steps, on_step)
    with torch.no_grad():
        images = generator(way[-1], labels)
        best = int(distance(images).argmin())
        drawn = images[best].clamp(-1, 1)
    error = 127.5 * float((drawn - target[0]).square().mean().sqrt())
    chosen = None if labels is None else int(labels[best])
    return Projected(way[-1, best].cpu(), chosen, error, way[:, best].cpu())


def distance_to(target: Tensor, discriminator: Discriminator | None) -> Distance:
    """Return the distance of images from a target [1, C, R, R]."""

    def features(images: Tensor) -> Tensor:
        assert discriminator is not None
        return discriminator.down_to_4x4(images, None).flatten(1)

    with torch.no_grad():
        wanted = None if discriminator is None else features(target)

    def distance(images: Tensor) -> Tensor:
        of_pixels, theirs = torch.zeros(len(images), device=images.device), target
        ours = images
        while True:
            of_pixels = of_pixels + (ours - theirs).square().mean(dim=(1, 2, 3))
            if ours.shape[3] == 4:
                break
            ours, theirs = downsample(ours), downsample(theirs)
        if wanted is None:
            return of_pixels
        unlike = (features(images) - wanted).square().mean(dim=1) / wanted.square().mean()
        return of_pixels + FEATURES * unlike

    return distance


@torch.no_grad()
def tried(
    generator: Generator, distance: Distance, label: int | None, starts: int
) -> tuple[Tensor, Tensor | None]:
    """Return the nearest of random latents, [starts, latent_size], and their labels."""
    device = next(generator.parameters()).device
    seeds = range(TRIED)
    z, labels = by_seed.latents(generator, seeds).to(device), by_seed.labels(generator, seeds)
    if labels is not None:
        labels = (labels if label is None else labels.new_full(labels.shape, label)).to(device)
    found = [
        distance(generator(z[n : n + by_seed.BATCH], part(labels, slice(n, n + by_seed.BATCH))))
        for n in range(0, TRIED, by_seed.BATCH)
    ]
    best = torch.cat(found).argsort()[:starts]
    return z[best], part(labels, best)


def part(labels: Tensor | None, chosen: Any) -> Tensor | None:
    """Return some of the labels, if there are any."""
    return None if labels is None else labels[chosen]


def descended(
    generator: Generator,
    distance: Distance,
    z: Tensor,
    labels: Tensor | None,
    placed: Callable[[Tensor], Tensor],
    steps: int,
    on_step: Callable[[int], object],
) -> Tensor:
    """Return latents on the way down, the last ones at its end: [frames, starts, latent_size]."""
    z = z.clone().requires_grad_()
    adam = Adam([z], RATE)
    kept, way = {round(at) for at in np.linspace(0, steps, FRAMES)}, [z.detach().clone()]
    for step in range(1, steps + 1):
        adam.learning_rate = RATE * (1 + math.cos(math.pi * (step - 1) / steps)) / 2
        loss = distance(generator(z, labels)).sum()
        (z.grad,) = torch.autograd.grad(loss, z)
        adam.step()
        with torch.no_grad():
            z.copy_(placed(z))
        if step in kept:
            way.append(z.detach().clone())
        on_step(step)
    return torch.stack(way)


def anywhere(z: Tensor) -> Tensor:
    """Leave latents where they are."""
    return z
