"""The Inception score's formula where its value is known."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pgpipe.metrics.inception import inception_score, score


def entropy(*probabilities: float) -> float:
    return -sum(p * math.log(p) for p in probabilities if p)


def mixture(count: int, share: float, doubt: float) -> Tensor:
    """`share` of the images are class 0 but for `doubt`, the others class 1 but for `doubt`."""
    first = round(share * count)
    rows = [[1 - doubt, doubt]] * first + [[doubt, 1 - doubt]] * (count - first)
    return torch.tensor(rows)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_uniform_predictions_score_1(classes: int) -> None:
    mean, deviation = inception_score(torch.full((40, classes), 1 / classes), 4)
    assert mean == pytest.approx(1)
    assert deviation == pytest.approx(0, abs=1e-12)


def test_the_same_prediction_for_every_image_scores_1() -> None:
    probabilities = torch.tensor([[0.7, 0.2, 0.1]]).expand(20, 3)
    assert inception_score(probabilities, 2)[0] == pytest.approx(1)


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_certain_and_balanced_predictions_score_the_number_of_classes(classes: int) -> None:
    labels = torch.arange(10 * classes) % classes
    mean, deviation = inception_score(F.one_hot(labels, classes).float(), 5)
    assert mean == pytest.approx(classes)
    assert deviation == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("doubt", [0.0, 0.1, 0.5])
def test_two_classes_score_the_exponential_of_what_an_image_tells(
    share: float, doubt: float
) -> None:
    marginal = share * (1 - doubt) + (1 - share) * doubt
    wanted = math.exp(entropy(marginal, 1 - marginal) - entropy(doubt, 1 - doubt))
    found, _ = inception_score(mixture(100, share, doubt), 1)
    assert found == pytest.approx(wanted, rel=1e-6)


def test_splits_are_consecutive_and_scored_apart() -> None:
    certain = F.one_hot(torch.arange(8) % 2, 2).float()
    vague = torch.full((8, 2), 0.5)
    mean, deviation = inception_score(torch.cat([certain, vague]), 2)
    assert mean == pytest.approx((2 + 1) / 2)
    assert deviation == pytest.approx(0.5)  # of the population, as the paper's code


def test_one_split_has_no_deviation() -> None:
    assert inception_score(mixture(10, 0.5, 0.1), 1)[1] == 0


def test_the_remainder_of_uneven_splits_is_left_out() -> None:
    probabilities = torch.cat([torch.eye(2).repeat(5, 1), torch.tensor([[0.5, 0.5]])])
    assert inception_score(probabilities, 5) == inception_score(probabilities[:10], 5)


def test_the_order_of_images_within_a_split_does_not_count() -> None:
    probabilities = torch.rand(50, 7, generator=torch.Generator().manual_seed(0)).softmax(1)
    assert score(probabilities).item() == pytest.approx(score(probabilities.flip(0)).item())


def test_a_score_lies_between_1_and_the_number_of_classes() -> None:
    probabilities = (9 * torch.randn(50, 7, generator=torch.Generator().manual_seed(0))).softmax(1)
    assert 1 <= score(probabilities).item() <= 7
