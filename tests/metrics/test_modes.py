"""The discrete-mode test against closed forms, and with a classifier that reads a pixel."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from pgpipe.data.sources.stacks import PLACES
from pgpipe.images import Images
from pgpipe.metrics import classifier, digits, modes
from pgpipe.metrics.config import ReferenceSection
from pgpipe.metrics.modes import MODES, histogram, kl_to_uniform, modes_found
from pgpipe.metrics.streams import stream
from pgpipe.plumbing.layout import MODE_PLACES

CPU = torch.device("cpu")
SAMPLES = 25_600


class Reader(classifier.Classifier):
    """Sees the digit in the first pixel: 25 gray levels a digit."""

    def __init__(self) -> None:
        super().__init__(1, 10)

    def forward(self, x: Tensor) -> Tensor:
        digit = ((x[:, 0, 0, 0] + 1) * 127.5 / 25).round().long()
        return 100.0 * torch.nn.functional.one_hot(digit, 10)


def showing(three: np.ndarray) -> Images:
    """Images [n, 4, 4, 3] of digits [n, 3]."""
    images = np.random.default_rng(0).integers(0, 250, (len(three), 4, 4, 3), dtype=np.uint8)
    images[:, 0, 0] = 25 * three
    return images


def even(seed: int, count: int = SAMPLES) -> np.ndarray:
    """Modes that a perfect sampler shows."""
    drawn = np.random.default_rng(seed).integers(0, MODES, count)
    return np.bincount(drawn, minlength=MODES)


# Modes found


@pytest.mark.parametrize("count", [500, 2000, 5000])
def test_perfect_sampler_finds_as_many_as_chance_allows(count: int) -> None:
    """A mode is missed by all with (1 - 1/1000)^n; deviation of the number below sqrt(its mean)."""
    found = np.mean([modes_found(even(seed, count)) for seed in range(20)])
    expected = MODES * (1 - (1 - 1 / MODES) ** count)
    assert abs(found - expected) < 4 * math.sqrt((MODES - expected) / 20)


def test_perfect_sampler_of_25600_finds_all() -> None:
    assert {modes_found(even(seed)) for seed in range(10)} == {1000}


@pytest.mark.parametrize("present", [1, 7, 1000])
def test_modes_found_counts_those_that_occur(present: int) -> None:
    counts = np.zeros(MODES, np.int64)
    counts[:present] = np.arange(1, present + 1)
    assert modes_found(counts) == present


# Divergence


@pytest.mark.parametrize("present", [1, 10, 500, 1000])
def test_divergence_of_evenly_found_modes_is_the_log_of_the_missing_share(present: int) -> None:
    counts = np.zeros(MODES, np.int64)
    counts[-present:] = 3
    assert kl_to_uniform(counts) == pytest.approx(math.log(MODES / present), abs=1e-12)


def test_divergence_is_log_1000_less_the_entropy() -> None:
    counts = np.random.default_rng(0).poisson(1.0, MODES)
    q = [n / counts.sum() for n in counts.tolist()]
    entropy = -sum(p * math.log(p) for p in q if p)
    assert kl_to_uniform(counts) == pytest.approx(math.log(1000) - entropy, rel=1e-12)


def test_perfect_sampler_has_the_divergence_of_its_sample_size() -> None:
    """2 n KL of n even draws is asymptotically chi-squared with 999 degrees of freedom."""
    found = [kl_to_uniform(even(seed)) for seed in range(20)]
    expected, deviation = 999 / (2 * SAMPLES), math.sqrt(2 * 999) / (2 * SAMPLES)
    assert abs(np.mean(found) - expected) < 4 * deviation / math.sqrt(20) + 0.03 * expected


# From images


def test_histogram_counts_the_modes_that_images_show() -> None:
    three = np.random.default_rng(1).integers(0, 10, (300, 3))
    expected = [0] * MODES
    for r, g, b in three.tolist():
        expected[r + 10 * g + 100 * b] += 1
    counts = histogram(Reader(), stream(showing(three))())
    assert counts.tolist() == expected


def test_histogram_does_not_depend_on_the_batches() -> None:
    images = showing(np.random.default_rng(1).integers(0, 10, (50, 3)))
    whole = histogram(Reader(), [images])
    np.testing.assert_array_equal(histogram(Reader(), [images[:7], images[7:]]), whole)


def test_scores_are_means_and_deviations_over_evaluations() -> None:
    one = showing(np.zeros((8, 3), np.int64))
    four = showing(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]] * 2))
    found = modes.scores(Reader(), [stream(one), stream(four)])
    assert found["modes_found"] == 2.5
    assert found["modes_found_std"] == 1.5
    assert found["mode_kl"] == pytest.approx((math.log(1000) + math.log(250)) / 2)
    assert found["mode_kl_std"] == pytest.approx(math.log(4) / 2)


def test_evaluations_are_read_a_batch_at_a_time() -> None:
    alive: list[int] = []

    def batches() -> Iterator[Images]:
        for _ in range(3):
            assert not alive, "the batch before is still held"
            alive.append(1)
            yield showing(np.zeros((2, 3), np.int64))
            alive.pop()

    assert histogram(Reader(), batches())[0] == 6


def test_modes_are_numbered_as_the_data_set_numbers_them() -> None:
    np.testing.assert_array_equal(MODE_PLACES, PLACES)
    np.testing.assert_array_equal(PLACES, [1, 10, 100])


# The classifier of digits


def bars(count: int, seed: int) -> tuple[Images, np.ndarray]:
    """Noise with a bar whose place is the digit: layout alone tells the classes apart."""
    draw = np.random.default_rng(seed)
    known = np.arange(count) % 10
    images = draw.integers(0, 60, (count, 32, 32, 1), dtype=np.uint8)
    for image, digit in zip(images, known, strict=True):
        row, column = divmod(int(digit), 5)
        image[4 + 14 * row : 14 + 14 * row, 1 + 6 * column : 6 + 6 * column] = 255
    return images, known


@pytest.mark.slow
def test_classifier_of_digits_learns_layouts_and_is_judged_by_digits_it_has_not_seen() -> None:
    images, known = bars(400, 0)
    section = ReferenceSection(classifier_kimg=8, classifier_learning_rate=0.002, seed=0)
    net, accuracy = digits.fit(images, known, section, CPU)
    assert accuracy > 0.95
    three = [bars(30, seed)[0][..., 0] for seed in (1, 2, 3)]
    found = digits.of_channels(net, np.stack([three[0], three[1][::-1], three[2]], axis=-1))
    expected = np.stack([np.arange(30) % 10, np.arange(30)[::-1] % 10, np.arange(30) % 10], axis=-1)
    assert (found == expected).mean() > 0.95


def test_accuracy_of_random_digits_is_that_of_guessing() -> None:
    """A classifier that had seen the digits that it is judged by would do better."""
    draw = np.random.default_rng(0)
    images, known = draw.integers(0, 256, (100, 8, 8, 1), np.uint8), draw.integers(0, 10, 100)
    section = ReferenceSection(classifier_kimg=6, classifier_learning_rate=0.002, seed=0)
    net, accuracy = digits.fit(images, known, section, CPU)
    assert accuracy <= 0.35
    p = classifier.probabilities(net, [images])
    assert classifier.accuracy(p, known) > accuracy + 0.2
