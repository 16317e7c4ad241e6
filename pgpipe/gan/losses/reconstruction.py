"""What an autoencoder lowers: how unlikely a reconstruction makes an image, and the codes' KL.

Sums over all numbers of an image or of its features, means over the N images of a minibatch, as in
the evidence lower bound (Kingma and Welling 2014, eq. 3 and 10). Constants are left out.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

LEAST = 1e-6  # probability, so that no logarithm is infinite

NegativeLogLikelihood = Callable[[Tensor, Tensor], Tensor]  # reconstructions, images -> []


def gaussian(found: Tensor, wanted: Tensor) -> Tensor:
    """-log N(wanted; found, I): half of the squared difference (Kingma and Welling 2014, C.2)."""
    return summed((found.float() - wanted.float()).square() / 2)


def laplace(found: Tensor, wanted: Tensor) -> Tensor:
    """-log Laplace(wanted; found, 1): the absolute difference."""
    return summed((found.float() - wanted.float()).abs())


def bernoulli(found: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy of pixels as probabilities of white (Kingma and Welling 2014, eq. 11).

    Both lie in [-1, 1], which a tanh at the end of the decoder ensures.
    """
    p, q = ((1 + images.float()) / 2 for images in (found, wanted))
    return summed(-q * p.clamp(min=LEAST).log() - (1 - q) * (1 - p).clamp(min=LEAST).log())


def summed(numbers: Tensor) -> Tensor:
    """Sum over all but the first axis, and average over that: [N, ...] -> []."""
    return numbers.flatten(1).sum(dim=1).mean()


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)) of codes [N, L] (Kingma and Welling 2014, appendix B)."""
    return summed((mean.square() + log_variance.exp() - 1 - log_variance) / 2)


def sample(mean: Tensor, log_variance: Tensor, normal: Tensor) -> Tensor:
    """Return codes [N, L] of N(mean, variance), from numbers of N(0, I) (the same, section 2.4)."""
    return mean + torch.exp(log_variance / 2) * normal


LIKELIHOODS: Mapping[str, NegativeLogLikelihood] = {
    "gaussian": gaussian,
    "laplace": laplace,
    "bernoulli": bernoulli,
}
