"""Wasserstein GAN with gradient penalty, the paper's loss (Gulrajani et al. 2017)."""

import torch
from torch import Tensor

from pgpipe.gan.config import TrainSection
from pgpipe.gan.losses.gradients import gradient_norms
from pgpipe.gan.losses.loss import Loss, Seen


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[f(fake)] - E[f(real)] (Arjovsky et al. 2017, eq. 2, negated)."""
    return fake.mean() - real.mean()


def generator(_: Tensor, fake: Tensor) -> Tensor:
    """-E[f(fake)]."""
    return -fake.mean()


def penalty(seen: Seen, train: TrainSection) -> tuple[Tensor, Tensor]:
    """Gradient penalty at interpolates, and the drift of reals' scores (paper, appendix A.1)."""
    points = interpolates(seen.real, seen.fake, seen.uniform())
    norms = gradient_norms(seen.score, points)
    slopes = gradient_penalty(norms, train.gradient_target, seen.upscale)
    return train.gradient_penalty * slopes + train.drift * drift(seen.real_scores), norms


def interpolates(real: Tensor, fake: Tensor, factors: Tensor) -> Tensor:
    """Points on the lines between reals and fakes [N, C, R, R], one factor [N] per pair."""
    return torch.lerp(real, fake.to(real.dtype), factors.view(-1, 1, 1, 1).to(real.dtype))


def gradient_penalty(norms: Tensor, target: float, upscale: float) -> Tensor:
    """E[(|grad f| - target)^2] / target^2 (Gulrajani et al. 2017, eq. 3)."""
    return ((norms / upscale - target) / target).square().mean()


def drift(real: Tensor) -> Tensor:
    """E[f(real)^2], which keeps the scores near 0 (Karras et al. 2018, appendix A.1)."""
    return real.square().mean()


LOSS = Loss(discriminator, generator, penalty)
