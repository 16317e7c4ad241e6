"""The first GAN's game, both sides of one formula (Goodfellow et al. 2014)."""

import torch.nn.functional as F
from torch import Tensor

from pgpipe.gan.losses.logistic import discriminator, mismatched
from pgpipe.gan.losses.loss import Loss


def generator(_: Tensor, fake: Tensor) -> Tensor:
    """E[log(1 - s(f(fake)))]: the same game from the other side (Goodfellow et al. 2014, eq. 1)."""
    return -F.softplus(fake).mean()


LOSS = Loss(discriminator, generator, mismatched=mismatched)
