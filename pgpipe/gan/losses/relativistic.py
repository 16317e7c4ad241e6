"""Pairs of real and fake, with R1 and R2 (Huang et al. 2024); the penalties are in `gradients`."""

import torch.nn.functional as F
from torch import Tensor

from pgpipe.gan.losses.adversarial import Adversarial


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[log(1 + exp(f(fake) - f(real)))] over pairs (Huang et al. 2024, eq. 2)."""
    return F.softplus(fake - real).mean()


def generator(real: Tensor, fake: Tensor) -> Tensor:
    """E[log(1 + exp(f(real) - f(fake)))]: fakes should be scored above reals."""
    return F.softplus(real - fake).mean()


OBJECTIVE = Adversarial(discriminator, generator, needs_reals=True)
