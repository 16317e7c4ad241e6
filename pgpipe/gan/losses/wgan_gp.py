"""Wasserstein GAN, whose critic's gradient penalty is in `gradients` (Gulrajani et al. 2017)."""

from torch import Tensor

from pgpipe.gan.losses.adversarial import Adversarial


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[f(fake)] - E[f(real)] (Arjovsky et al. 2017, eq. 2, negated)."""
    return fake.mean() - real.mean()


def generator(_: Tensor, fake: Tensor) -> Tensor:
    """-E[f(fake)]."""
    return -fake.mean()


OBJECTIVE = Adversarial(discriminator, generator)
