"""KID: against sums written out, without bias, and the same for the same seed."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pgpipe.errors import UsageError
from pgpipe.metrics import kernel
from pgpipe.metrics.kernel import kid, squared_mmd


def draw(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def literal(x: np.ndarray, y: np.ndarray) -> float:
    """MMD^2 by its definition: means over pairs of different images, and over all pairs."""

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((np.dot(a, b) / len(a) + 1) ** 3)

    m, n = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    yy = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (m * n)


def test_estimate_is_that_of_the_definition() -> None:
    x, y = draw(9, 5).double(), draw(7, 5, 1).double() + 0.5
    assert squared_mmd(x, y) == pytest.approx(literal(x.numpy(), y.numpy()))


def test_few_images_are_all_in_each_subset() -> None:
    x, y = draw(12, 5), draw(12, 5, 1)
    mean, deviation = kid(x, y, 0)
    assert mean == pytest.approx(literal(x.double().numpy(), y.double().numpy()))
    assert deviation == pytest.approx(0, abs=1e-12)


def test_equal_distributions_score_0_on_average() -> None:
    """Sets so small that a biased estimate would be off by many times the tolerance."""
    pairs = [(draw(8, 4, 2 * s).double(), draw(8, 4, 2 * s + 1).double()) for s in range(400)]
    found, k = [squared_mmd(x, y) for x, y in pairs], kernel.kernel
    biased = [(k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()).item() for x, y in pairs]
    tolerance = 4 * float(np.std(found)) / len(found) ** 0.5
    assert abs(np.mean(found)) < tolerance < np.mean(biased) / 2
    assert min(found) < 0


def test_other_distributions_score_more() -> None:
    near, far = (kid(draw(50, 4) + shift, draw(50, 4, 1), 0)[0] for shift in (0.5, 2.0))
    assert 0 < near < far


def test_distance_of_point_masses_is_known() -> None:
    """(1 + 1)^3 + (0 + 1)^3 - 2 (0 + 1)^3 for the all-ones vector and the origin."""
    assert kid(torch.ones(4, 3), torch.zeros(4, 3), 0)[0] == pytest.approx(8 + 1 - 2)


def test_subsets_are_of_different_images_and_of_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "SUBSET", 10)
    x, y = draw(40, 4), draw(40, 4, 1)
    assert len(kernel.subset(x, 10, "fake", 0, 3).unique(dim=0)) == 10
    assert kid(x, y, 0) == kid(x, y, 0) != kid(x, y, 1)
    assert kid(x, y, 0)[1] > 0


@pytest.mark.parametrize(
    ("fakes", "message"),
    [
        (torch.ones(1, 3), "kid: 1 generated image is not >= 2"),
        (torch.full((5, 3), torch.nan), "kid: the features of generated image 0 are not finite"),
    ],
)
def test_what_has_no_distance_is_refused(fakes: Tensor, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        kid(fakes, torch.ones(5, 3), 0)
    assert str(caught.value) == message
