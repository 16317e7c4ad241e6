"""FID where its value is known: Gaussians of closed form, sets with themselves, singular ones."""

import pytest
import torch
from torch import Tensor

from pgpipe.errors import UsageError
from pgpipe.metrics.frechet import Gaussian, distance, fid, fit


def draw(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def rotation(size: int) -> Tensor:
    turn: Tensor = torch.linalg.qr(draw(size, size).double()).Q
    return turn


def gaussian(mean: list[float], deviations: list[float], axes: Tensor | None = None) -> Gaussian:
    turn = torch.eye(len(mean)).double() if axes is None else axes
    variances = torch.tensor(deviations, dtype=torch.float64).square()
    return Gaussian(torch.tensor(mean, dtype=torch.float64), (turn * variances) @ turn.T)


# The distance


def test_gaussians_of_the_same_axes_differ_by_means_and_deviations() -> None:
    """|m1 - m2|^2 + |s1 - s2|^2: for commuting covariances the closed form."""
    a = gaussian([0, 0, 0], [1, 2, 3], rotation(3))
    b = gaussian([1, 2, 2], [3, 1, 7], rotation(3))
    assert distance(a, b) == pytest.approx(9 + (4 + 1 + 16))


def test_gaussians_of_two_dimensions_have_a_closed_form() -> None:
    """Where D = 2, tr((S1 S2)^(1/2))^2 = tr(S1 S2) + 2 (det S1 det S2)^(1/2)."""
    a = Gaussian(torch.zeros(2).double(), torch.tensor([[3.0, 1.0], [1.0, 2.0]]).double())
    b = Gaussian(torch.zeros(2).double(), torch.tensor([[1.0, -0.5], [-0.5, 4.0]]).double())
    root = ((a.covariance @ b.covariance).trace() + 2 * (5 * 3.75) ** 0.5).sqrt()
    assert distance(a, b) == pytest.approx(float(10 - 2 * root))


def test_distance_is_symmetric() -> None:
    a, b = fit([draw(50, 6)]), fit([draw(50, 6, 1) * 2 + 1])
    assert distance(a, b) == pytest.approx(distance(b, a))


def test_singular_covariances_have_a_distance() -> None:
    flat, other = gaussian([0, 0, 0], [2, 0, 0]), gaussian([0, 0, 0], [0, 0, 3])
    assert distance(flat, other) == pytest.approx(4 + 9)
    assert distance(flat, gaussian([0, 0, 0], [5, 0, 0])) == pytest.approx(9)
    assert distance(flat, gaussian([0, 1, 0], [0, 0, 0])) == pytest.approx(4 + 1)


# Of features


def test_a_set_with_itself_scores_0_also_with_fewer_images_than_features() -> None:
    for features in (draw(500, 16), draw(10, 64), torch.ones(8, 4)):
        assert 0 <= fid(features, features) < 1e-5


def test_shift_scores_its_square() -> None:
    features = draw(40, 8)
    assert fid(features + 3, features) == pytest.approx(8 * 9, rel=1e-5)


def test_scale_scores_the_square_of_the_deviations_difference() -> None:
    features = draw(300, 8)
    centred = features - features.mean(0)
    variances = centred.double().var(dim=0).sum().item()
    assert fid(3 * centred, centred) == pytest.approx(4 * variances, rel=1e-5)


def test_it_falls_towards_0_for_equal_distributions_as_images_rise() -> None:
    few, more, many = (fid(draw(n, 4), draw(n, 4, 1)) for n in (20, 200, 20000))
    assert few > 3 * more > 9 * many > 0
    assert many == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("parts", [[60], [1, 59], [20, 20, 20], [59, 1]])
def test_statistics_do_not_depend_on_batching(parts: list[int]) -> None:
    features = draw(60, 5) + 100
    mean, covariance = fit(features.split(parts))
    torch.testing.assert_close(mean, features.double().mean(0))
    torch.testing.assert_close(covariance, features.double().T.cov())


# Refused


def test_one_image_has_no_covariance() -> None:
    with pytest.raises(UsageError, match=r"^fid: 1 generated image is not >= 2$"):
        fid(draw(1, 4), draw(10, 4))
    with pytest.raises(UsageError, match=r"^fid: 0 real images are not >= 2$"):
        fid(draw(10, 4), draw(0, 4))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_features_are_finite(bad: float) -> None:
    features = draw(10, 4)
    features[7, 2] = bad
    with pytest.raises(UsageError, match=r"^fid: the features of real image 7 are not finite$"):
        fid(draw(10, 4), features)
