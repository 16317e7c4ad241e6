"""Normalisation of feature maps: at each pixel, over the minibatch, over the layer.

The two that have a gain are followed by the layer's bias; the order is convolution, normalisation,
gain, bias, activation. N images, C feature maps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-8
NORM_EPSILON = 1e-4  # of batch and layer normalisation, in the Theano code


class BatchNorm(nn.Module):
    """Normalises by the minibatch's own mean and variance, when sampling and scoring, too.

    Ioffe and Szegedy 2015 without running statistics, as the rows (a) to (c) of Table 1 have it:
    an image depends on those that are drawn together with it.
    """

    def __init__(self, maps: int, spread: float = 0.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.empty(maps))
        self.initial = {"gain": (1.0, spread)}

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """[N, C, ...] and [C] -> [N, C, ...]."""
        return F.batch_norm(x, None, None, self.gain, bias, training=True, eps=NORM_EPSILON)


class LayerNorm(nn.Module):
    """Over all features and pixels of each image, with one gain (Ba et al. 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.empty(()))
        self.initial = {"gain": (1.0, 0.0)}

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """[N, C, ...] and [C] -> [N, C, ...]."""
        normalised = F.layer_norm(x, x.shape[1:], eps=NORM_EPSILON)  # float32 under autocast
        return (normalised * self.gain + bias.view(-1, *[1] * (x.ndim - 2))).to(x.dtype)


def pixel_norm(x: Tensor) -> Tensor:
    """Unit mean square over feature maps at each pixel (paper, section 4.2): `x`'s shape."""
    mean_square = x.float().square().mean(dim=1, keepdim=True)
    return x * (mean_square + EPSILON).rsqrt().to(x.dtype)


def response_norm(x: Tensor) -> Tensor:
    """Local response normalisation (Krizhevsky et al. 2012, section 3.3): `x`'s shape.

    b_i = a_i / (2 + 1e-4 sum of a_j^2)^0.75, j over the five feature maps around i at each pixel.
    Pixel norm is the same over all maps, with their mean, a root and no 2.
    """
    return F.local_response_norm(x.float(), 5, alpha=5 * 1e-4, beta=0.75, k=2.0).to(x.dtype)
