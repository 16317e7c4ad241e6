"""What D and G want of the scores, one pair of functions an objective.

Scores are float32 [N]; every function returns a mean over the minibatch, to be minimised. Higher
is more real, but for `least_squares`, where reals are scored 0 and fakes 1. Only the relativistic
generator looks at the scores of reals.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

FAKE_WEIGHT = 0.1  # of least squares: how much D's error on fakes counts

Loss = Callable[[Tensor, Tensor], Tensor]  # scores of reals and of fakes -> scalar


class Adversarial(NamedTuple):
    """An objective's two sides."""

    discriminator: Loss
    generator: Loss
    needs_reals: bool = False  # whether the generator's side looks at the scores of reals


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[f(fake)] - E[f(real)] (Arjovsky et al. 2017, eq. 2, negated)."""
    return fake.mean() - real.mean()


def wasserstein_generator(_: Tensor, fake: Tensor) -> Tensor:
    """-E[f(fake)]."""
    return -fake.mean()


def logistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log s(f(real))] - E[log(1 - s(f(fake)))], s = sigmoid (Goodfellow et al. 2014, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def minimax_generator(_: Tensor, fake: Tensor) -> Tensor:
    """E[log(1 - s(f(fake)))]: the same game from the other side (Goodfellow et al. 2014, eq. 1)."""
    return -F.softplus(fake).mean()


def non_saturating_generator(_: Tensor, fake: Tensor) -> Tensor:
    """-E[log s(f(fake))], whose gradient does not vanish (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[f(real)^2] + 0.1 E[(f(fake) - 1)^2] (Mao et al. 2017; Karras et al. 2018, appendix B)."""
    return real.square().mean() + FAKE_WEIGHT * (fake - 1).square().mean()


def least_squares_generator(_: Tensor, fake: Tensor) -> Tensor:
    """E[f(fake)^2]: fakes should be scored 0, as reals are."""
    return fake.square().mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 - f(real))] + E[max(0, 1 + f(fake))] (Lim and Ye 2017, section 2)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[log(1 + exp(f(fake) - f(real)))] over pairs (Huang et al. 2024, eq. 2)."""
    return F.softplus(fake - real).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """The same with the signs turned: fakes should be scored above reals (Huang et al. 2024)."""
    return F.softplus(real - fake).mean()


def running_fake_score(before: Tensor, fake: Tensor) -> Tensor:
    """0.9 d + 0.1 clip(mean fake score, 0, 1), as D nears certainty (appendix B): []."""
    return torch.lerp(before, fake.mean().clamp(0, 1), 0.1)


def noise_strength(fake_score: Tensor) -> Tensor:
    """0.2 max(0, d - 0.5)^2: of the noise that keeps a least-squares D unsure (appendix B): []."""
    return 0.2 * (fake_score - 0.5).clamp(min=0).square()


ADVERSARIAL = {
    "wgan-gp": Adversarial(wasserstein_discriminator, wasserstein_generator),
    "minimax": Adversarial(logistic_discriminator, minimax_generator),
    "non-saturating": Adversarial(logistic_discriminator, non_saturating_generator),
    "lsgan": Adversarial(least_squares_discriminator, least_squares_generator),
    "hinge": Adversarial(hinge_discriminator, wasserstein_generator),
    "r1": Adversarial(logistic_discriminator, non_saturating_generator),
    "relativistic": Adversarial(relativistic_discriminator, relativistic_generator, True),
}
