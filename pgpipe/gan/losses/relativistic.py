"""Pairs of real and fake, with R1 and R2 (Huang et al. 2024)."""

import torch.nn.functional as F
from torch import Tensor

from pgpipe.gan.config import TrainSection
from pgpipe.gan.losses.gradients import gradient_norms, zero_centred_penalty
from pgpipe.gan.losses.loss import Loss, Seen


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[log(1 + exp(f(fake) - f(real)))] over pairs (Huang et al. 2024, eq. 2)."""
    return F.softplus(fake - real).mean()


def generator(real: Tensor, fake: Tensor) -> Tensor:
    """E[log(1 + exp(f(real) - f(fake)))]: fakes should be scored above reals."""
    return F.softplus(real - fake).mean()


def penalty(seen: Seen, train: TrainSection) -> tuple[Tensor, Tensor]:
    """R1 + R2; the norms are those at reals."""
    at_real, at_fake = (gradient_norms(seen.score, images) for images in (seen.real, seen.fake))
    r1 = zero_centred_penalty(at_real, train.r1_gamma, seen.upscale)
    return r1 + zero_centred_penalty(at_fake, train.r2_gamma, seen.upscale), at_real


LOSS = Loss(discriminator, generator, penalty, needs_reals=True)
