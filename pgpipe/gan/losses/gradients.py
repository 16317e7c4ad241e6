"""The norm of D's gradient with respect to images, which several losses penalise.

The paper's networks see every phase's images nearest-upscaled to the full resolution and average
them down again. Each native pixel's derivative g is then spread over k^2 pixels of g / k^2, so that
the norm over the large image is the native one / k. `upscale` is that k.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_norms(scores: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """|grad f| at each image, over all of C, R, R: [N]; differentiable once more."""
    images = images.detach().requires_grad_()
    total = scores(images).sum()
    (gradient,) = torch.autograd.grad(total, images, create_graph=True)
    squares = gradient.float().square().sum(dim=(1, 2, 3))
    # The root's derivative at an all-zero gradient is infinite: keep that corner finite.
    return (squares + 1e-16).sqrt()


def zero_centred_penalty(norms: Tensor, gamma: float, upscale: float) -> Tensor:
    """E[|grad f|^2] gamma / 2: R1 at reals, R2 at fakes (Mescheder et al. 2018, eq. 9 and 10)."""
    return gamma / 2 * (norms / upscale).square().mean()
