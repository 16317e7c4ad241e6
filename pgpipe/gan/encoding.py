"""Images as latents, by the encoder that a generator's file may hold, and back."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pgpipe.errors import IntegrityError, said_by
from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.generator import Generator
from pgpipe.gan.sampling import ENCODER, render_all
from pgpipe.gan.systems import SYSTEMS
from pgpipe.images import Images, Readable, to_float
from pgpipe.plumbing import tensors

BATCH = 64  # images encoded at once


def read_encoder(path: Path) -> nn.Module:
    """Read the averaged encoder of a generator's file, of a system that has one, on the CPU.

    Raises:
        UsageError: the file is missing.
        IntegrityError: it is damaged, or its encoder is not what it says.
    """
    named, facts = tensors.read(path)
    spec = NetworkSpec(**facts["spec"])
    system = SYSTEMS[spec.name]
    own = {n.removeprefix(ENCODER): value for n, value in named.items() if n.startswith(ENCODER)}
    with torch.device("meta"):
        encoder = weights.network(spec, system.averages[system.encoder], facts["resolution"])
    try:
        encoder.load_state_dict(own, assign=True)
    except RuntimeError as error:
        raise IntegrityError(
            f"{path}: not the encoder that it says it is: {said_by(error)}"
        ) from None
    return encoder.requires_grad_(False)


@torch.no_grad()
def encode(encoder: nn.Module, images: Images) -> Tensor:
    """Return the mean of each image's code, on the CPU: uint8 [N, R, R, C] -> [N, latent_size].

    With batch normalisation a code depends on the images of its batch: the last batch is filled up
    with the first images, as where images are drawn.
    """
    device, found = next(encoder.parameters()).device, []
    for start in range(0, len(images), BATCH):
        batch = images[np.arange(start, start + BATCH) % len(images)]
        mean, _ = encoder(to_float(torch.from_numpy(batch).to(device)))
        found.append(mean[: len(images) - start].cpu())
    return torch.cat(found)


def reconstructions(encoder: nn.Module, decoder: Generator, images: Readable) -> Iterator[Images]:
    """Yield what is left of images that are encoded and decoded, uint8 [<= 64, R, R, C]."""
    for start in range(0, len(images), BATCH):
        yield render_all(decoder, encode(encoder, images[start : start + BATCH]), None)
