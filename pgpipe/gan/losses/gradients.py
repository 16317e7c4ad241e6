"""What D's gradient with respect to images should be like, and the drift of its scores.

The paper's networks see every phase's images nearest-upscaled to the full resolution and average
them down again. Each native pixel's derivative g is then spread over k^2 pixels of g / k^2, so that
the norm over the large image is the native one / k. `upscale` is that k.
"""

from collections.abc import Callable

import torch
from torch import Tensor


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
    """E[(|grad f| - target)^2] / target^2, at mixed images (Gulrajani et al. 2017, eq. 3)."""
    return ((norms / upscale - target) / target).square().mean()


def zero_centred_penalty(norms: Tensor, gamma: float, upscale: float) -> Tensor:
    """E[|grad f|^2] gamma / 2: R1 at reals, R2 at fakes (Mescheder et al. 2018, eq. 9 and 10)."""
    return gamma / 2 * (norms / upscale).square().mean()


def drift(real: Tensor) -> Tensor:
    """E[f(real)^2], which keeps the scores near 0 (Karras et al. 2018, appendix A.1)."""
    return real.square().mean()
