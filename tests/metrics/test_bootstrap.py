"""Intervals over other images: against the spread of sets that really are others."""

import numpy as np
import pytest
import torch
from imagesets import CPU, stream, windows
from numpy.typing import NDArray

from pgpipe import rng
from pgpipe.images import Images
from pgpipe.metrics import swd
from pgpipe.metrics.bootstrap import interval, resampled_means, weights

pytestmark = pytest.mark.slow

SEED = 5
IMAGES = 32
TRIALS = 24


def gratings(seed: int, exponent: float) -> Images:
    """Noise of very unequal contrast, so that a set's distance depends on its images."""
    draw = np.random.default_rng(seed)
    contrast = 15 * np.exp(exponent * draw.standard_normal((IMAGES, 1, 1, 1)))
    field = contrast * draw.standard_normal((IMAGES, 16, 16, 3)) + 128
    images: Images = field.clip(0, 255).astype(np.uint8)
    return images


def test_weights_are_counts_of_as_many_draws_as_images() -> None:
    found = weights(50, 400, rng.key(SEED, "test", 0))
    assert (found.sum(dim=1) == 50).all()
    assert found.mean().item() == pytest.approx(1)
    # A count is binomial with n = 50, p = 1/50; its variance is n p (1 - p).
    assert found.var(dim=0).mean().item() == pytest.approx(0.98, rel=0.05)


def test_resampled_means_spread_like_a_mean() -> None:
    values = np.random.default_rng(1).standard_normal(400)
    found = resampled_means(values, SEED, 2000)
    assert found.std() == pytest.approx(values.std() / 20, rel=0.06)
    assert found.mean() == pytest.approx(values.mean(), abs=0.005)


def test_interval_is_1_96_deviations_and_never_below_0() -> None:
    replicates = np.array([1.0, 2.0, 3.0])
    assert interval(10.0, replicates) == (8.04, 11.96)
    assert interval(1.0, replicates) == (0.0, 2.96)


@pytest.mark.parametrize("exponent", [0.3, 0.6])
def test_intervals_of_distances_cover_the_mean_over_other_sets(exponent: float) -> None:
    found = [
        swd.distances(
            stream(gratings(2 * trial, exponent)),
            stream(gratings(2 * trial + 1, 1.0)),
            SEED,
            CPU,
            replicates=60,
        )[16]
        for trial in range(TRIALS)
    ]
    values = np.array([distance.value for distance in found])
    deviation = np.mean([distance.replicates.std() for distance in found])
    assert 0.7 < deviation / values.std(ddof=1) < 1.6
    bounds = [interval(distance.value, distance.replicates) for distance in found]
    assert sum(low <= values.mean() <= high for low, high in bounds) >= 0.85 * TRIALS


def whole(images: Images, other: Images) -> swd.Distance:
    return swd.distances(stream(images), stream(other), SEED, CPU, replicates=20)[16]


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_what_a_set_is_normalised_by_does_not_spread(scale: float) -> None:
    """Brightness of whole images moves each resample's mean, which its normalisation removes."""
    draw = np.random.default_rng(2)

    def flat_with_grain(count: int) -> Images:
        light = scale * 40 * draw.standard_normal((count, 1, 1, 1))
        grain = 20 * draw.standard_normal((count, 16, 16, 3))
        images: Images = (128 + light + grain).clip(0, 255).astype(np.uint8)
        return images

    trials = [whole(flat_with_grain(IMAGES), flat_with_grain(IMAGES)) for _ in range(12)]
    real = np.std([trial.value for trial in trials], ddof=1)
    assert np.mean([trial.replicates.std() for trial in trials]) < 2.5 * real


def test_replicates_depend_on_the_seed_alone() -> None:
    reals, fakes = windows(IMAGES, 16, 1), windows(IMAGES, 16, 2)
    found: list[NDArray[np.float64]] = [
        swd.distances(stream(reals, batch), stream(fakes, batch), SEED, CPU, memory, 10)[
            16
        ].replicates
        for batch, memory in ((7, 1), (32, 1 << 30))
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    torch.testing.assert_close(
        weights(9, 3, rng.key(1, "test", 0)), weights(9, 3, rng.key(1, "test", 0))
    )
