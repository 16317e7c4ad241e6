"""The objective: WGAN-GP with drift (Gulrajani et al. 2017; Karras et al. 2018, appendix A.1).

Scores are float32 [N], higher is more real; every function returns a mean over the minibatch.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[f(fake)] - E[f(real)] (Arjovsky et al. 2017, eq. 2, negated)."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """-E[f(fake)]."""
    return -fake.mean()


def drift(real: Tensor) -> Tensor:
    """E[f(real)^2], which keeps the scores near 0 (Karras et al. 2018, appendix A.1)."""
    return real.square().mean()


def mixed_images(real: Tensor, fake: Tensor, factors: Tensor) -> Tensor:
    """Points on the lines between reals and fakes [N, C, H, W], one factor [N] a sample."""
    return torch.lerp(real, fake, factors.view(-1, 1, 1, 1).to(real.dtype))


def gradient_norms(scores: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """|grad f| at each image, over all of C, H, W: [N]; differentiable once more."""
    images = images.detach().requires_grad_()
    total = scores(images).sum()
    (gradient,) = torch.autograd.grad(total, images, create_graph=True)
    squares = gradient.float().square().sum(dim=(1, 2, 3))
    # The root's derivative at an all-zero gradient is infinite: keep that corner finite.
    return (squares + 1e-16).sqrt()


def gradient_penalty(norms: Tensor, target: float, upscale: float) -> Tensor:
    """E[(|grad f| - target)^2] / target^2, the norm taken on images enlarged `upscale` times.

    The paper's networks see every phase's images nearest-upscaled to the full resolution and
    average them down again. Each native pixel's derivative g is then spread over upscale^2 pixels
    of g / upscale^2, so that the norm over the large image is the native one / upscale.
    """
    return ((norms / upscale - target) / target).square().mean()


def label_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the auxiliary classifier (Odena et al. 2017): [N, classes], int64 [N]."""
    return F.cross_entropy(logits, labels)
