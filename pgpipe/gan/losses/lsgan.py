"""Least squares with adaptive noise in D (Mao et al. 2017; Karras et al. 2018, appendix B).

Reals are scored 0 and fakes 1, as in the official Theano code.
"""

import torch
from torch import Tensor

from pgpipe.gan.losses.loss import AdaptiveNoise, Loss

FAKE_WEIGHT = 0.1  # how much D's error on fakes counts


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[f(real)^2] + 0.1 E[(f(fake) - 1)^2]."""
    return real.square().mean() + FAKE_WEIGHT * (fake - 1).square().mean()


def generator(_: Tensor, fake: Tensor) -> Tensor:
    """E[f(fake)^2]: fakes should be scored 0, as reals are."""
    return fake.square().mean()


def running_score(before: Tensor, fake: Tensor) -> Tensor:
    """0.9 d + 0.1 clip(mean fake score, 0, 1), as D nears certainty (appendix B): []."""
    return torch.lerp(before, fake.mean().clamp(0, 1), 0.1)


def noise_strength(running: Tensor) -> Tensor:
    """0.2 max(0, d - 0.5)^2: of the noise that keeps D unsure (appendix B): []."""
    return 0.2 * (running - 0.5).clamp(min=0).square()


LOSS = Loss(discriminator, generator, noise=AdaptiveNoise(running_score, noise_strength))
