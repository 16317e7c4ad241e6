"""Fréchet Inception distance (Heusel et al. 2017): of two Gaussians fitted to features.

|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)); 0 for equal ones, lower is better. It falls as the
number of images rises, so only equal numbers compare.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from pgpipe.metrics.features import require

BATCH = 4096  # features that are in memory in float64 at once


class Gaussian(NamedTuple):
    """A normal distribution, in float64."""

    mean: Tensor  # [D]
    covariance: Tensor  # [D, D]


def fid(fakes: Tensor, reals: Tensor) -> float:
    """The distance of features [N, D] and [M, D], at least two of each and finite."""
    require(2, "fid", fakes, reals)
    return distance(fit(fakes.split(BATCH)), fit(reals.split(BATCH)))


def fit(batches: Iterable[Tensor]) -> Gaussian:
    """Mean and unbiased covariance of a stream of [n, D] (merged as in Chan et al. 1983)."""
    count, mean, scatter = 0, torch.zeros(()), torch.zeros(())
    for batch in batches:
        x = batch.double()
        total, step = count + len(x), x.mean(dim=0) - mean
        centred = x - x.mean(dim=0)
        scatter = scatter + centred.T @ centred + step.outer(step) * (count * len(x) / total)
        mean = mean + step * (len(x) / total)
        count = total
    return Gaussian(mean, scatter / (count - 1))


def distance(a: Gaussian, b: Gaussian) -> float:
    """Return the Fréchet distance of two Gaussians [D].

    The trace of (S1 S2)^(1/2) is that of (S1^(1/2) S2 S1^(1/2))^(1/2): a symmetric matrix, whose
    eigenvalues are real and not negative but for rounding, also where a covariance is singular.
    """
    root = square_root(a.covariance)
    cross = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp(min=0).sqrt().sum()
    squared = (a.mean - b.mean).square().sum()
    traces = a.covariance.trace() + b.covariance.trace()
    return max(0.0, float(squared + traces - 2 * cross))


def square_root(covariance: Tensor) -> Tensor:
    """The symmetric square root of [D, D]; eigenvalues that rounding made negative count as 0."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root
