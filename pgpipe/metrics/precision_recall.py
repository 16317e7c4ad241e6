"""Improved precision and recall (Kynkäänniemi et al. 2019), by the third nearest neighbours.

A set's manifold is a ball around each of its features that reaches to its third neighbour in the
set. Precision is the share of fakes on the reals' manifold (quality), recall that of reals on the
fakes' (variation): 0..1, higher is better.
"""

import torch
from torch import Tensor

from pgpipe.metrics.features import require

NEIGHBOUR = 3
TILE = 2048  # rows and columns of distances that are in memory at once
ROUNDING = 1e-12  # of squared lengths: what is nearer is the same feature


def precision_recall(fakes: Tensor, reals: Tensor) -> tuple[float, float]:
    """Precision and recall of features [N, D] against [M, D]."""
    require(NEIGHBOUR + 1, "precision and recall", fakes, reals)
    return share_inside(fakes, reals), share_inside(reals, fakes)


def share_inside(features: Tensor, others: Tensor) -> float:
    """The share of [N, D] on the manifold of [M, D]."""
    reach = radii(others)
    return sum(inside(rows, others, reach) for rows in features.split(TILE)) / len(features)


def inside(rows: Tensor, others: Tensor, reach: Tensor) -> int:
    """How many of [n, D] are within the squared reach [M] of one of [M, D]."""
    found = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    for columns, limits in zip(others.split(TILE), reach.split(TILE), strict=True):
        found |= (squared_distances(rows, columns) <= limits).any(dim=1)
    return int(found.sum())


def radii(features: Tensor) -> Tensor:
    """The squared distance of each of [N, D] to its third neighbour: float64 [N]."""
    return torch.cat([nearest(rows, features)[:, -1] for rows in features.split(TILE)])


def nearest(rows: Tensor, features: Tensor) -> Tensor:
    """Ascending squared distances of [n, D] to itself and its neighbours in [N, D]: [n, 4]."""
    best = rows.new_empty(len(rows), 0, dtype=torch.float64)
    for columns in features.split(TILE):
        candidates = torch.cat([best, squared_distances(rows, columns)], dim=1)
        count = min(NEIGHBOUR + 1, candidates.shape[1])
        best = candidates.topk(count, largest=False).values
    return best


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x - y|^2 of [m, D] and [n, D]: float64 [m, n], exactly 0 for equal features."""
    x, y = x.double(), y.double()
    lengths = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)
    distances = lengths - 2 * (x @ y.T)
    return torch.where(distances > ROUNDING * lengths, distances, 0.0)
