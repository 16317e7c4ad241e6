"""The first GAN's game with a generator whose gradient does not vanish (Goodfellow et al. 2014)."""

import torch.nn.functional as F
from torch import Tensor

from pgpipe.gan.losses.logistic import discriminator, mismatched
from pgpipe.gan.losses.loss import Loss


def generator(_: Tensor, fake: Tensor) -> Tensor:
    """-E[log s(f(fake))] (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


LOSS = Loss(discriminator, generator, mismatched=mismatched)
