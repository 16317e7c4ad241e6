"""The hinge objective (Lim and Ye 2017)."""

import torch.nn.functional as F
from torch import Tensor

from pgpipe.gan.losses.loss import Loss


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 - f(real))] + E[max(0, 1 + f(fake))] (Lim and Ye 2017, section 2)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def generator(_: Tensor, fake: Tensor) -> Tensor:
    """-E[f(fake)]."""
    return -fake.mean()


LOSS = Loss(discriminator, generator)
