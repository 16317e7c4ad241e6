"""Kernel Inception distance (Bińkowski et al. 2018): squared MMD of features, without bias.

0 on average for equal distributions whatever the number of images, so it may be below 0; lower is
better.
"""

import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.metrics.features import require

SUBSETS = 100
SUBSET = 1000  # features


def kid(fakes: Tensor, reals: Tensor, seed: int) -> tuple[float, float]:
    """Mean and deviation over 100 subsets of 1000 of features [N, D] and [M, D].

    Where there are fewer than 1000, each subset is all of the smaller set's number.
    """
    require(2, "kid", fakes, reals)
    size = min(SUBSET, len(fakes), len(reals))
    found = [
        squared_mmd(subset(fakes, size, "fake", seed, i), subset(reals, size, "real", seed, i))
        for i in range(SUBSETS)
    ]
    distances = torch.tensor(found, dtype=torch.float64)
    return distances.mean().item(), distances.std(correction=0).item()


def subset(features: Tensor, size: int, name: str, seed: int, number: int) -> Tensor:
    """`size` different rows of [N, D], in float64."""
    order = rng.permutation(len(features), rng.key(seed, f"kid {name}", number))
    return features[order[:size]].double()


def squared_mmd(x: Tensor, y: Tensor) -> float:
    """The unbiased estimate from [m, D] and [n, D], m and n at least 2 (Gretton et al. 2012)."""
    within = mean_of_pairs(kernel(x, x)) + mean_of_pairs(kernel(y, y))
    return (within - 2 * kernel(x, y).mean()).item()


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x.y / D + 1)^3 of [m, D] and [n, D]: [m, n]."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def mean_of_pairs(k: Tensor) -> Tensor:
    """The mean of [m, m] without its diagonal, where an image meets itself."""
    m = len(k)
    return (k.sum() - k.trace()) / (m * (m - 1))
