"""Embedded ICC profiles: what a file's numbers mean, as sRGB.

Profiles are hostile bytes like the rest of a file: their size is capped, only those of RGB, gray
and CMYK are read, and what they need is bounded by that.
"""

import io
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from PIL import Image, ImageCms

from pgpipe.images import Images

MAX_PROFILE_BYTES = 4 << 20  # those of printing presses have up to 3 MB
PIXELS = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # Pillow's mode of each colour space
KEPT = 4  # transforms; sets of images have few different profiles
LEVELS = np.linspace(0, 255, 9).astype(np.uint8)
COLOURS = Image.fromarray(np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS), -1).reshape(27, 27, 3))
GRAYS = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
NOTHING = 1  # gray level that sRGB's own profiles move colours by, as they are rounded

Convert = Callable[[Image.Image], Image.Image]  # to RGB


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB, gray ("L") or CMYK of a profile -> RGB of sRGB.

    The perceptual intent, as viewers of photographs have it. A profile that moves no colour by more
    than a level is sRGB's, and changes nothing. Gray pixels may have an RGB profile.

    Raises:
        ValueError: the profile is unreadable, or of other colours than the picture.
    """
    if not profile or len(profile) > MAX_PROFILE_BYTES:
        size = f"of {len(profile)} bytes" if profile else "unreadable"
        raise ValueError(f"a colour profile that is {size}")
    mode, convert = conversion_of(profile)
    if picture.mode == "L" and mode == "RGB":
        picture = picture.convert("RGB")
    if picture.mode != mode:
        raise ValueError(f"a colour profile for {mode}, pixels of {picture.mode}")
    return convert(picture)


@lru_cache(KEPT)
def conversion_of(profile: bytes) -> tuple[str, Convert]:
    """The mode of a profile's pixels, and what makes them sRGB."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = PIXELS[opened.profile.xcolor_space.strip()]
        flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
        srgb = ImageCms.createProfile("sRGB")
        convert: Convert = partial(
            apply, ImageCms.buildTransform(opened, srgb, mode, "RGB", flags=flags)
        )
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError) as error:
        raise ValueError("a colour profile that is unreadable") from error
    if mode == "L":  # its own tables are off by ten levels where gray is dark
        convert = partial(look_up, np.asarray(convert(GRAYS))[0])
    changes = mode == "CMYK" or differ(convert, COLOURS if mode == "RGB" else GRAYS)
    return mode, convert if changes else partial(Image.Image.convert, mode="RGB")


def apply(transform: ImageCms.ImageCmsTransform, picture: Image.Image) -> Image.Image:
    """A new picture in RGB."""
    converted = ImageCms.applyTransform(picture, transform)
    assert converted is not None  # as it is not in place
    return converted


def look_up(table: Images, picture: Image.Image) -> Image.Image:
    """The colours uint8 [256, 3] that stand for grays."""
    return Image.fromarray(table[np.asarray(picture)])


def differ(convert: Convert, tried: Image.Image) -> bool:
    """Whether a conversion moves one of some colours by more than rounding does."""
    moved = np.asarray(convert(tried)).astype(int) - np.asarray(tried.convert("RGB"))
    return bool(np.abs(moved).max() > NOTHING)
