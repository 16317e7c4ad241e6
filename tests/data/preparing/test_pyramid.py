"""Squares at every resolution: means of the largest, to the nearest, whatever type they come in."""

from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pgpipe.data.preparing.pyramid import pyramid
from pgpipe.images import Images


def noise(side: int, count: int = 1, channels: int = 3) -> Images:
    draw = np.random.default_rng(side)
    return draw.integers(0, 256, (count, side, side, channels), dtype=np.uint8)


def exact_means(images: Images, size: int) -> NDArray[Any]:
    """Means over blocks in whole numbers, a half up: [n, size, size, C]."""
    count, side, _, channels = images.shape
    step = side // size
    blocks = images.astype(np.int64).reshape(count, size, step, size, step, channels)
    sums = blocks.sum(axis=(2, 4))
    return np.asarray((2 * sums + step**2) // (2 * step**2))


@pytest.mark.parametrize("side", [4, 8, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_whole_pixels_become_exact_means_with_halves_up(side: int, channels: int) -> None:
    images = noise(side, 5, channels)
    levels = pyramid(images)
    assert [level.shape for level in levels] == [
        (5, side >> s, side >> s, channels) for s in range(side.bit_length() - 2)
    ]
    for level in levels:
        assert level.dtype == np.uint8
        np.testing.assert_array_equal(level, exact_means(images, level.shape[1]))


@pytest.mark.parametrize("value", [0, 1, 254, 255])
def test_no_sum_overflows(value: int) -> None:
    for level in pyramid(np.full((1, 1024, 1024, 1), value, np.uint8)):
        assert (level == value).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_whole_pixels_give_the_same_as_floating_point(kind: type) -> None:
    images = noise(1024)
    for ours, theirs in zip(pyramid(images), pyramid(images.astype(kind)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_sums_next_to_a_tie_are_rounded_alike() -> None:
    """65536 pixels whose mean is so near to a half that one pixel more decides."""
    for above in range(28, 53):
        image = np.zeros((1, 1024, 1024, 1), np.uint8)
        image[0, :256, :256].flat[: 32768 - above] = 1
        whole, broken = pyramid(image)[-1], pyramid(image.astype(np.float32))[-1]
        mean = Fraction(32768 - above, 65536)
        assert whole[0, 0, 0, 0] == broken[0, 0, 0, 0] == floor(mean + Fraction(32768 + 45, 65536))


@pytest.mark.parametrize("value", [-3.0, 0.0, 255.0, 255.4, 300.0])
def test_values_beyond_the_range_are_clipped(value: float) -> None:
    (level,) = pyramid(np.full((1, 4, 4, 3), value, np.float32))
    assert (level == min(max(value, 0), 255)).all()


def test_images_are_made_smaller_one_by_one() -> None:
    images = noise(16, 7)
    for number in range(7):
        for alone, among in zip(pyramid(images[number, None]), pyramid(images), strict=True):
            np.testing.assert_array_equal(alone[0], among[number])
