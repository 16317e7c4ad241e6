"""MS-SSIM against tests/literal in float64, and what must hold of any such similarity."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from imagesets import CPU, stream, windows
from literal import ms_ssim as literal_ms_ssim
from numpy.typing import NDArray
from scipy import ndimage
from tinyparams import score_numbers

from pgpipe.images import Images
from pgpipe.metrics.ms_ssim import ms_ssim, ms_ssim_of_pairs, scores_within_classes, window

Maker = Callable[[int, int], Images]  # size, seed -> uint8 [8, size, size, 3]


def noise(size: int, seed: int) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (8, size, size, 3), dtype=np.uint8)


def smooth(size: int, seed: int) -> Images:
    field = np.random.default_rng(seed).standard_normal((8, size, size, 3))
    field = ndimage.gaussian_filter(field, (0, size / 8, size / 8, 0), mode="wrap")
    images: Images = np.clip(128 + 60 * field / field.std(), 0, 255).astype(np.uint8)
    return images


def alike(size: int, seed: int) -> Images:
    """Pairs that differ by little, as those of a collapsed generator."""
    images = smooth(size, seed)
    images[1::2] = np.clip(images[0::2].astype(np.int64) + noise(size, seed)[::2] // 32, 0, 255)
    return images


def near_constant(value: int, size: int, seed: int) -> Images:
    """One gray level, here and there a step off it."""
    steps = np.random.default_rng(seed).integers(-1, 2, (8, size, size, 3))
    return np.clip(value + steps, 0, 255).astype(np.uint8)


def pairwise(images: Images) -> NDArray[np.float32]:
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    values: NDArray[np.float32] = ms_ssim(x[0::2], x[1::2]).numpy()
    return values


def photographs(size: int, seed: int) -> Images:
    return windows(8, size, seed)


@pytest.mark.slow
@pytest.mark.parametrize("size", [16, 32, 48, 64, 128])
@pytest.mark.parametrize("make", [noise, smooth, alike, photographs])
def test_agrees_with_the_literal_one(make: Maker, size: int) -> None:
    images = make(size, size)
    wanted = literal_ms_ssim.ms_ssim(images[0::2], images[1::2])
    np.testing.assert_allclose(pairwise(images), wanted, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("size", [16, 64])
@pytest.mark.parametrize("value", [0, 1, 127, 254, 255])
def test_agrees_with_the_literal_one_on_near_constant_images(value: int, size: int) -> None:
    images = near_constant(value, size, 1)
    wanted = literal_ms_ssim.ms_ssim(images[0::2], images[1::2])
    np.testing.assert_allclose(pairwise(images), wanted, atol=1e-4)


@pytest.mark.parametrize(("one", "other"), [(0, 255), (0, 0), (10, 12), (255, 254)])
def test_agrees_with_the_literal_one_on_constant_images(one: int, other: int) -> None:
    images = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (one, other)])
    wanted = literal_ms_ssim.ms_ssim(images[:1], images[1:])
    np.testing.assert_allclose(pairwise(images), wanted, atol=1e-4)


@pytest.mark.parametrize("size", [16, 32, 128])
@pytest.mark.parametrize("make", [noise, smooth])
def test_identical_pairs_are_1(make: Maker, size: int) -> None:
    images = make(size, 1)
    images[1::2] = images[0::2]
    np.testing.assert_allclose(pairwise(images), 1, atol=1e-6)


def test_an_image_and_its_negative_are_0() -> None:
    images = noise(32, 1)
    images[1::2] = 255 - images[0::2]
    np.testing.assert_array_equal(pairwise(images), 0)


def test_order_within_a_pair_does_not_count() -> None:
    images = smooth(32, 1)
    swapped = images.reshape(4, 2, 32, 32, 3)[:, ::-1].reshape(images.shape)
    np.testing.assert_allclose(pairwise(swapped), pairwise(images), rtol=1e-5)


def test_within_classes_is_the_mean_over_pairs_of_one_label() -> None:
    """Two classes of one image each, repeated: all pairs differ, those of a class never do."""
    one, other = smooth(32, 1)[:1], smooth(32, 2)[:1]
    labels = np.array([0, 1, 1, 0, 1, 0, 1, 1])
    images = np.concatenate([other if label else one for label in labels])
    section = score_numbers(ms_ssim_pairs=4)
    found = scores_within_classes(images, labels, section, CPU)
    assert found["class_ms_ssim"] == pytest.approx(1, abs=1e-6)
    assert literal_ms_ssim.ms_ssim_of(images) < 0.99
    varied = smooth(32, 3)
    same = [(0, 3), (1, 2), (4, 6)]  # of 5 and 7 one is left without another
    wanted = np.mean([literal_ms_ssim.ms_ssim(varied[[a]], varied[[b]])[0] for a, b in same])
    found = scores_within_classes(varied, labels, section, CPU)
    assert found["class_ms_ssim"] == pytest.approx(wanted, abs=1e-5)
    assert found["class_ms_ssim_low"] <= found["class_ms_ssim"] <= found["class_ms_ssim_high"]


def test_without_two_of_one_class_there_is_no_score_within_classes() -> None:
    assert scores_within_classes(smooth(32, 1), np.arange(8), score_numbers(), CPU) == {}


def test_set_is_the_mean_over_consecutive_pairs() -> None:
    images = smooth(32, 1)
    found = ms_ssim_of_pairs(stream(images), CPU)
    assert found.mean() == pytest.approx(literal_ms_ssim.ms_ssim_of(images), abs=1e-5)
    np.testing.assert_allclose(found, pairwise(images), rtol=1e-6)


@pytest.mark.parametrize("batch", [2, 4, 6])
def test_batch_size_changes_nothing(batch: int) -> None:
    images = alike(32, 1)
    found = ms_ssim_of_pairs(stream(images, batch), CPU)
    np.testing.assert_allclose(found, ms_ssim_of_pairs(stream(images), CPU), rtol=1e-6)


def test_gray_is_as_its_repetition_in_rgb() -> None:
    gray = smooth(32, 1)[..., :1]
    np.testing.assert_allclose(pairwise(gray), pairwise(gray.repeat(3, axis=3)), rtol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 11])
def test_window_is_symmetric_with_sum_1(size: int) -> None:
    taps = window(size)
    torch.testing.assert_close(taps, taps.flip(0))
    assert taps.sum().item() == pytest.approx(1)


def test_full_window_is_a_gaussian_of_sigma_1_5() -> None:
    taps = window(11)
    assert (taps[5] / taps[6]).item() == pytest.approx(np.exp(0.5 / 1.5**2))
