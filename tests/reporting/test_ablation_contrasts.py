"""Contrasts against independent formulas: scipy's Welch test, and coverage by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from pgpipe.reporting.contrasts import contrast

DIFFERENCE = {"x": 1.0, "y": -1.0}


@pytest.mark.parametrize("sizes", [(3, 3), (2, 5), (10, 3)])
def test_difference_has_welch_s_interval(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    x, y = rng.normal(0, 1, sizes[0]), rng.normal(1, 3, sizes[1])
    found = contrast({"x": list(x), "y": list(y)}, DIFFERENCE, noise=99.0)
    expected = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.95)
    assert found.estimate - found.half_width == pytest.approx(expected.low)
    assert found.estimate + found.half_width == pytest.approx(expected.high)


def test_interval_of_a_weighted_sum_covers_95_percent() -> None:
    rng = np.random.default_rng(0)
    weights, truth = {"x": 2.0, "y": -1.0, "z": -1.0}, 2 * 1 - 2 - 3
    hits = 0
    for _ in range(2000):
        samples = {
            name: list(rng.normal(mean, spread, 4))
            for name, mean, spread in (("x", 1, 1), ("y", 2, 2), ("z", 3, 1))
        }
        found = contrast(samples, weights, 0.0)
        hits += abs(found.estimate - truth) <= found.half_width
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)


def test_one_seed_anywhere_leaves_the_noise() -> None:
    samples = {"x": [1.0, 1.1, 1.2], "y": [2.0]}
    found = contrast(samples, DIFFERENCE, noise=0.8)
    assert found.half_width == pytest.approx(0.8)
    assert found.sign == "below"
    assert contrast(samples, DIFFERENCE, noise=1.0).sign == "not resolved"
    assert contrast(samples, {"x": 1, "y": -0.5}, 0.8).half_width == pytest.approx(
        0.8 * math.sqrt(1.25 / 2)
    )


def test_sign_says_the_side() -> None:
    assert contrast({"x": [2.0], "y": [1.0]}, DIFFERENCE, 0.5).sign == "above"
    assert contrast({"x": [1.0], "y": [1.0]}, DIFFERENCE, 0.0).sign == "not resolved"
    equal = {"x": [2.0, 2.0], "y": [1.0, 1.0]}
    assert contrast(equal, DIFFERENCE, 5.0).sign == "above"
