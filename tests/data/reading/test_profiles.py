"""Colours of embedded profiles against matrices; what is unreadable or odd is rejected."""

import io
import time
from typing import Any

import numpy as np
import pytest
from iccprofiles import (
    DISPLAY_P3,
    SRGB,
    cmyk_profile,
    gray_profile,
    in_srgb,
    rgb_profile,
    srgb_encoded,
)
from PIL import Image, ImageCms

from pgpipe.data.reading.decode import Rejected, decode
from pgpipe.data.reading.profiles import MAX_PROFILE_BYTES
from pgpipe.images import Images

P3 = rgb_profile(DISPLAY_P3)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def colours() -> Images:
    """All over the cube: uint8 [27, 27, 3]."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    grid: Images = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    return grid.reshape(27, 27, 3)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_display_p3_becomes_srgb_as_matrices_say(kind: str, options: dict[str, Any]) -> None:
    data = encoded(Image.fromarray(colours()), kind, icc_profile=P3, **options)
    expected = in_srgb(colours(), DISPLAY_P3)
    found = decode(data, "x", 3)
    assert np.abs(found - expected).max() < 2.5  # lcms has 8 bits and tables of 16
    assert np.abs(found - expected).mean() < 0.5
    assert np.abs(expected - colours()).max() > 30  # or this would show nothing


def test_primaries_by_hand() -> None:
    """P3's red is beyond sRGB's, its gray is gray."""
    row = np.array([[[255, 0, 0], [128, 128, 128]]], np.uint8)
    (red, gray) = decode(encoded(Image.fromarray(row), icc_profile=P3), "x", 3)[0].tolist()
    assert red == [255, 0, 0]
    level = round(float(srgb_encoded(np.array((128 / 255) ** 2.2))))
    assert max(abs(value - level) for value in gray) <= 1


def test_jpegs_have_their_profile_applied() -> None:
    data = encoded(Image.new("RGB", (8, 8), (40, 200, 60)), "JPEG", icc_profile=P3, quality=100)
    expected = in_srgb(np.array([40, 200, 60], np.uint8), DISPLAY_P3)
    assert np.abs(decode(data, "x", 3)[4, 4] - expected).max() < 5


def test_a_profile_of_srgb_changes_no_pixel() -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(Image.fromarray(colours()), icc_profile=own)
    np.testing.assert_array_equal(decode(data, "x", 3), colours())


def test_primaries_of_srgb_with_another_exponent_do() -> None:
    data = encoded(Image.fromarray(colours()), icc_profile=rgb_profile(SRGB))
    assert np.abs(decode(data, "x", 3) - in_srgb(colours(), SRGB)).max() < 2.5
    assert (decode(data, "x", 3) != colours()).any()


def test_profiles_can_be_ignored() -> None:
    data = encoded(Image.fromarray(colours()), icc_profile=P3)
    np.testing.assert_array_equal(decode(data, "x", 3, profiles=False), colours())


def test_linear_gray_is_encoded() -> None:
    levels = np.arange(256, dtype=np.uint8)
    data = encoded(Image.fromarray(levels[None]), icc_profile=gray_profile(1.0))
    expected = srgb_encoded(levels / 255)
    assert np.abs(decode(data, "x", 1)[0, :, 0] - expected).max() < 1
    assert np.abs(decode(data, "x", 3)[0] - expected[:, None]).max() < 2


def test_linear_gray_of_16_bits_is_encoded() -> None:
    deep = Image.fromarray(np.array([[0, 32896, 65535]], np.uint16))
    data = encoded(deep, icc_profile=gray_profile(1.0))
    # 128 / 255 = 0.502 of light is 188
    assert decode(data, "x", 1)[0, :, 0].tolist() == [0, 188, 255]


def test_gray_pixels_may_have_a_profile_of_rgb() -> None:
    levels = np.arange(256, dtype=np.uint8)
    data = encoded(Image.fromarray(levels[None]), icc_profile=P3)
    expected = srgb_encoded((levels / 255) ** 2.2)
    assert np.abs(decode(data, "x", 3)[0] - expected[:, None]).max() < 2


def test_inks_are_what_their_profile_says() -> None:
    """Full cyan of L* = 50 is (119, 119, 119) in sRGB; without a profile it is cyan."""
    press = cmyk_profile({(0, 0, 0, 0): 100, (1, 0, 0, 0): 50})
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    plain, meant = (
        decode(encoded(cyan, "JPEG", quality=100, **options), "x", 3)[4, 4].astype(int)
        for options in ({}, {"icc_profile": press})
    )
    np.testing.assert_allclose(plain, [0, 255, 255], atol=2)
    np.testing.assert_allclose(meant, [119, 119, 119], atol=3)


def test_colours_are_converted_before_they_are_laid_over_the_background() -> None:
    rgba = np.array([[[40, 200, 60, 255], [40, 200, 60, 0], [40, 200, 60, 51]]], np.uint8)
    data = encoded(Image.fromarray(rgba), icc_profile=P3)
    solid, nothing, fifth = decode(data, "x", 3, "#3060ff")[0].astype(int)
    inside = in_srgb(np.array([40, 200, 60], np.uint8), DISPLAY_P3)
    np.testing.assert_allclose(solid, inside, atol=2)
    np.testing.assert_array_equal(nothing, [0x30, 0x60, 0xFF])
    np.testing.assert_allclose(fifth, 0.2 * inside + 0.8 * nothing, atol=2)


def with_palette(**options: Any) -> bytes:
    picture = Image.new("P", (1, 1))
    picture.putpalette([40, 200, 60])
    return encoded(picture, **options)


def test_colours_of_a_palette_are_converted() -> None:
    expected = in_srgb(np.array([40, 200, 60], np.uint8), DISPLAY_P3)
    np.testing.assert_allclose(decode(with_palette(icc_profile=P3), "x", 3)[0, 0], expected, atol=2)


@pytest.mark.parametrize(
    ("mode", "profile", "reason"),
    [
        ("RGB", b"no profile", "unreadable"),
        ("RGB", P3[:200], "unreadable"),
        ("RGB", P3[:16] + b"HSV " + P3[20:], "unreadable"),
        ("RGB", gray_profile(2.2), "a colour profile for L, pixels of RGB"),
        ("L", cmyk_profile({}), "a colour profile for CMYK, pixels of L"),
        ("CMYK", P3, "a colour profile for RGB, pixels of CMYK"),
    ],
)
def test_odd_profiles_are_rejected(mode: str, profile: bytes, reason: str) -> None:
    data = encoded(Image.new(mode, (8, 8)), "JPEG", icc_profile=profile)
    with pytest.raises(Rejected, match=reason) as caught:
        decode(data, "x", 3)
    assert caught.value.reason.startswith("corrupt: a colour profile ")


def test_a_profile_beyond_the_cap_is_not_parsed() -> None:
    data = encoded(Image.new("RGB", (8, 8)), "WEBP", icc_profile=P3 + bytes(MAX_PROFILE_BYTES))
    start = time.process_time()
    with pytest.raises(Rejected, match=r"a colour profile that is of \d+ bytes"):
        decode(data, "x", 3)
    assert time.process_time() - start < 1
