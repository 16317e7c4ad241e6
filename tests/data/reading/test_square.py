"""Area averaging against a formula that shares nothing with it; windows; enlargement."""

import numpy as np
import pytest
from PIL import Image

from pgpipe.data.preparing.pyramid import pyramid
from pgpipe.data.reading.square import Box, Crop, Pixels, cut, lanczos, square
from pgpipe.images import Images

BOTH: list[Crop] = ["center", "pad"]


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> Images:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def area_mean(image: Images, resolution: int) -> Pixels:
    """Each pixel repeated `resolution` times, then means over whole blocks of `side` pixels."""
    side = len(image)
    fine = image.astype(np.float64).repeat(resolution, 0).repeat(resolution, 1)
    blocks = fine.reshape(resolution, side, resolution, side, -1)
    means: Pixels = blocks.mean(axis=(1, 3)).astype(np.float32)
    return means


@pytest.mark.parametrize(
    ("side", "resolution"), [(8, 4), (12, 4), (7, 4), (9, 8), (31, 16), (33, 32), (37, 8), (5, 1)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_reduction_is_the_mean_over_the_covered_area(
    side: int, resolution: int, channels: int
) -> None:
    image = noise(side, side, channels)
    small = square(image, resolution, "center")
    assert small.shape == (resolution, resolution, channels)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, area_mean(image, resolution), rtol=2e-6)


@pytest.mark.parametrize("crop", BOTH)
def test_three_pixels_to_two_by_hand(crop: Crop) -> None:
    image = np.array([0, 30, 90], np.uint8)[None, :, None].repeat(3, axis=0)
    # each result covers one and a half pixels: (0 + 30 / 2) / 1.5, (30 / 2 + 90) / 1.5
    np.testing.assert_allclose(square(image, 2, crop)[..., 0], [[10, 70], [10, 70]], rtol=1e-6)


@pytest.mark.parametrize("crop", BOTH)
def test_a_square_of_the_right_size_is_unchanged(crop: Crop) -> None:
    image = noise(16, 16)
    np.testing.assert_array_equal(square(image, 16, crop), image)


def test_mean_is_preserved() -> None:
    image = noise(101, 101)
    np.testing.assert_allclose(
        square(image, 64, "center").mean((0, 1)), image.mean((0, 1)), rtol=1e-5
    )


@pytest.mark.parametrize("value", [0, 1, 127, 255])
@pytest.mark.parametrize("shape", [(50, 50), (23, 47), (64, 5), (3, 3), (1, 9)])
def test_a_constant_stays_constant_within_range(value: int, shape: tuple[int, int]) -> None:
    result = square(np.full((*shape, 3), value, np.uint8), 16, "center")
    np.testing.assert_allclose(result, value, rtol=1e-6)
    assert result.max() <= 255 * (1 + 1e-6)


@pytest.mark.parametrize("shape", [(8, 14), (14, 8), (8, 15), (15, 8)])
def test_center_takes_the_middle_square(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    top, left = ((length - 8) // 2 for length in shape)
    middle = image[top : top + 8, left : left + 8]
    np.testing.assert_array_equal(square(image, 8, "center"), middle)
    np.testing.assert_allclose(square(image, 3, "center"), area_mean(middle, 3), rtol=2e-6)


@pytest.mark.parametrize("shape", [(8, 14), (14, 8), (9, 14), (1, 14), (14, 1)])
@pytest.mark.parametrize("resolution", [14, 7, 5, 3])
def test_pad_keeps_all_of_the_image_on_black(shape: tuple[int, int], resolution: int) -> None:
    image = noise(*shape)
    before = [-((length - 14) // 2) for length in shape]
    after = [14 - length - black for length, black in zip(shape, before, strict=True)]
    framed = np.pad(image, [*zip(before, after, strict=True), (0, 0)])
    expected = area_mean(framed, resolution)
    np.testing.assert_allclose(square(image, resolution, "pad"), expected, rtol=2e-6, atol=1e-5)
    assert abs(before[0] - after[0]) <= 1
    assert abs(before[1] - after[1]) <= 1


@pytest.mark.parametrize("shape", [(8, 14), (14, 8), (9, 14), (14, 14), (1, 14)])
@pytest.mark.parametrize("resolution", [14, 7, 5, 32])
def test_borders_are_of_their_colour(shape: tuple[int, int], resolution: int) -> None:
    image, border = noise(*shape), np.array([250, 3, 128], np.float32)
    before = [-((length - 14) // 2) for length in shape]
    framed = np.broadcast_to(border, (14, 14, 3)).astype(np.uint8)
    framed[before[0] :, before[1] :][: shape[0], : shape[1]] = image
    found = square(image, resolution, "pad", border)
    np.testing.assert_allclose(found, square(framed, resolution, "center"), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        (Box(3, 2, 8, 8), slice(2, 10), slice(3, 11)),
        (Box(3, 2, 8, 15), slice(5, 13), slice(3, 11)),  # (15 - 8) // 2 rows below 2
        (Box(0, 0, 20, 8), slice(0, 8), slice(6, 14)),
        (Box(12, 12, 8, 8), slice(12, 20), slice(12, 20)),
    ],
)
def test_a_box_is_cut_to_its_largest_centred_square(box: Box, rows: slice, columns: slice) -> None:
    image = noise(20, 20)
    np.testing.assert_array_equal(square(cut(image, box), 8, "box"), image[rows, columns])


@pytest.mark.parametrize("box", [Box(13, 0, 8, 8), Box(0, 13, 8, 8), Box(0, 0, 21, 1)])
def test_a_box_beyond_the_image_is_refused(box: Box) -> None:
    with pytest.raises(ValueError, match=r"the box \d+x\d+\+\d+\+\d+ is not within 20x20 pixels"):
        cut(noise(20, 20), box)


def test_enlargement_is_bicubic() -> None:
    image = noise(12, 12) // 2 + 64  # so that Pillow's 8 bits need no clipping
    large = square(image, 32, "center")
    bicubic = Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC)
    assert large.dtype == np.float32
    np.testing.assert_allclose(large, np.asarray(bicubic), atol=1.5)  # it rounds both passes


def test_enlargement_stays_in_range() -> None:
    large = square(noise(12, 12), 32, "center")
    assert large.min() == 0
    assert large.max() == 255


@pytest.mark.parametrize("channels", [1, 3])
def test_enlargement_cuts_and_pads_first(channels: int) -> None:
    image = noise(4, 9, channels)
    framed = np.pad(image, ((3, 2), (0, 0), (0, 0)))
    assert square(image, 32, "center").shape == (32, 32, channels)
    np.testing.assert_array_equal(square(image, 32, "center"), square(image[:, 2:6], 32, "center"))
    np.testing.assert_array_equal(square(image, 32, "pad"), square(framed, 32, "center"))


@pytest.mark.slow
@pytest.mark.parametrize("crop", BOTH)
@pytest.mark.parametrize("turn", [False, True])
def test_extreme_shapes_need_little_memory(crop: Crop, turn: bool) -> None:
    line = np.full((1, 1 << 20, 3), 200, np.uint8)  # its padded square would have 2^40 pixels
    image = line.swapaxes(0, 1) if turn else line
    result = square(image, 8, crop)
    assert result.shape == (8, 8, 3)
    expected = 200 if crop == "center" else 200 / (1 << 20)
    np.testing.assert_allclose(result.mean(), expected, rtol=1e-4)


# Lanczos, as the official tools bring LSUN to 256x256


def lanczos_weights(side: int, size: int) -> Pixels:
    """[size, side]: sinc(x) sinc(x / 3) for |x| < 3 in units of a result's pixel, normalised."""
    ratio = side / size
    centres = (np.arange(size)[:, None] + 0.5) * ratio
    x = (np.arange(side) + 0.5 - centres) / max(1.0, ratio)
    weights = np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
    normalised: Pixels = weights / weights.sum(axis=1, keepdims=True)
    return normalised


@pytest.mark.parametrize(("shape", "size"), [((50, 41), 16), ((37, 37), 32), ((20, 31), 32)])
@pytest.mark.parametrize("channels", [1, 3])
def test_lanczos_is_the_windowed_sinc_of_the_centred_square(
    shape: tuple[int, int], size: int, channels: int
) -> None:
    image, side = noise(*shape, channels), min(shape)
    top, left = ((length - side) // 2 for length in shape)
    weights = lanczos_weights(side, size)
    middle = image[top : top + side, left : left + side].astype(np.float64)
    across = np.einsum("wx,yxc->ywc", weights, middle).round().clip(0, 255)  # 8 bits in between
    wanted = np.einsum("hy,ywc->hwc", weights, across).round().clip(0, 255)
    found = lanczos(image, size)
    assert found.shape == (size, size, channels)
    assert found.dtype == np.uint8
    assert abs(found - wanted).max() <= 1, "a rounding"


def test_a_square_of_its_size_passes_lanczos_as_it_is() -> None:
    image = noise(256, 341)  # as LSUN's images are published
    np.testing.assert_array_equal(lanczos(image, 256), square(image, 256, "center"))


def test_below_lanczos_are_means_of_boxes() -> None:
    small = lanczos(noise(90, 70), 32)
    at_once, halved = pyramid(square(small, 16, "center")[None]), pyramid(small[None])[1:]
    for one, other in zip(at_once, halved, strict=True):
        np.testing.assert_array_equal(one, other)
