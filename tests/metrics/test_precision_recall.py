"""Precision and recall where they can be counted by hand, and against plain loops."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pgpipe.errors import UsageError
from pgpipe.metrics import precision_recall as module
from pgpipe.metrics.precision_recall import precision_recall


def draw(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def literal(points: np.ndarray, manifold: np.ndarray) -> float:
    """The share of points within some ball, distance by distance."""
    reach = [sorted(np.linalg.norm(m - manifold, axis=1))[3] for m in manifold]
    inside = [
        any(np.linalg.norm(p - m) <= r for m, r in zip(manifold, reach, strict=True))
        for p in points
    ]
    return sum(inside) / len(points)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("tile", [2, 7, 2048])
def test_shares_are_those_of_plain_loops(
    shift: float, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TILE", tile)
    fakes, reals = 0.7 * draw(30, 3) + shift, draw(25, 3, 1)
    a, b = fakes.double().numpy(), reals.double().numpy()
    assert precision_recall(fakes, reals) == (literal(a, b), literal(b, a))


def test_identical_sets_have_both() -> None:
    for features in (draw(20, 8), torch.ones(6, 8) / 3, draw(5, 8).repeat(4, 1)):
        assert precision_recall(features, features.clone()) == (1, 1)


def test_disjoint_sets_have_neither() -> None:
    assert precision_recall(draw(20, 4), draw(20, 4, 1) + 100) == (0, 0)


def test_one_good_mode_is_precise_and_recalls_its_share() -> None:
    """Reals in two far groups, fakes in one of them."""
    reals = torch.cat([draw(20, 2) / 100, draw(20, 2, 1) / 100 + 50])
    assert precision_recall(reals[:20], reals) == (1, 0.5)


def test_balls_reach_to_the_third_neighbour_and_hold_it() -> None:
    """The reals at 0, 1, 2, 3 reach 3, 2, 2, 3: from -3 to 6."""
    reals = torch.arange(4.0)[:, None]
    fakes = torch.tensor([-3.01, -3.0, 6.0, 6.01])[:, None]
    assert precision_recall(fakes, reals)[0] == 0.5


@pytest.mark.parametrize(
    ("reals", "message"),
    [
        (torch.ones(3, 2), "precision and recall: 3 real images are not >= 4"),
        (
            torch.tensor([[0.0], [1.0], [2.0], [torch.inf]]).expand(4, 2),
            "precision and recall: the features of real image 3 are not finite",
        ),
    ],
)
def test_what_has_no_manifold_is_refused(reals: Tensor, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        precision_recall(torch.ones(5, 2), reals)
    assert str(caught.value) == message
