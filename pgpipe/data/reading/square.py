"""An image of any shape to a square of one resolution, in floating point.

The square lies centred on the image, or on a box of it: inside ("center", "box") or around it
("pad"); or it is the one that the paper's code cuts from CelebA's aligned images ("celeba").
Reduction is an exact area average: each pixel of the result is the mean of what it covers, parts of
pixels included, so that nothing aliases at any ratio. Enlargement is bicubic. `lanczos` is what the
official tools do to LSUN before that.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import csr_array

from pgpipe.images import Images

Crop = Literal["center", "pad", "celeba", "box"]
CELEBA_SHAPE = (218, 178)  # pixels
CELEBA_FACE = (slice(121 - 64, 121 + 64), slice(89 - 64, 89 + 64))  # rows, columns
BANDS = 64  # at once, of large images: more would hold all of them as float32
Pixels = NDArray[np.float32]


class Box(NamedTuple):
    """A part of an upright image, in pixels."""

    left: int
    top: int
    width: int
    height: int


def square(
    image: Images, resolution: int, crop: Crop, border: Pixels | None = None
) -> Images | Pixels:
    """Cut or pad uint8 [H, W, C], then resize it: float32 [resolution, resolution, C] in 0..255.

    A part of the image that is a square of that size is returned as it is, uint8.

    "center" takes the largest centred square, also of what `cut` has left of a box; "pad" takes the
    whole image on the colour `border` [C] (None: black); "celeba" takes 128x128 pixels of 178x218.
    Where the square's side is at least `resolution` pixels, it is
    reduced by area averaging; else it is enlarged by Pillow's BICUBIC (a = -0.5) without rounding,
    clipped to 0..255.

    Raises:
        ValueError: "celeba" of an image of another size.
    """
    if crop == "celeba":
        image = face(image)
    height, width, _ = image.shape
    side = max(height, width) if crop == "pad" else min(height, width)
    if crop != "pad" and side == resolution:
        top, left = (height - side) // 2, (width - side) // 2
        return image[top : top + side, left : left + side]
    size = min(side, resolution)
    long, short = (0, 1) if height >= width else (1, 0)  # in this order the array between is small
    small = average(average(image, long, side, size), short, side, size)
    if border is not None and border.any():
        inside = np.multiply.outer(*(shares(length, side, size) for length in (height, width)))
        small += (1 - inside)[..., None] * border
    return small if size == resolution else enlarge(small, resolution)


def lanczos(image: Images, resolution: int) -> Images:
    """The largest centred square of uint8 [H, W, C] as uint8 [resolution, resolution, C].

    By Pillow's LANCZOS, as `create_lsun` of the official dataset tools.
    """
    height, width, channels = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = np.ascontiguousarray(image[top : top + side, left : left + side])
    picture = Image.fromarray(middle[..., 0] if channels == 1 else middle)
    small = picture.resize((resolution, resolution), Image.Resampling.LANCZOS)
    return np.asarray(small).reshape(resolution, resolution, channels)


def cut(image: Images, box: Box) -> Images:
    """The part of uint8 [H, W, C] in a box; ValueError where that is not all in the image."""
    left, top, width, height = box
    if top + height > image.shape[0] or left + width > image.shape[1]:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise ValueError(f"the box {width}x{height}+{left}+{top} is not within {size} pixels")
    return image[top : top + height, left : left + width]


def face(image: Images) -> Images:
    """The part of an aligned image of CelebA that the official code trains on."""
    if image.shape[:2] != CELEBA_SHAPE:
        height, width, _ = image.shape
        raise ValueError(f"{width}x{height} pixels are not the 178x218 that crop: celeba is for")
    return image[CELEBA_FACE]


def average(image: Images | Pixels, axis: int, side: int, size: int) -> Pixels:
    """Average `side` pixels, centred along an axis of [H, W, C], in `size` equal bands.

    Pixels beyond the image count as 0.
    """
    rows = np.moveaxis(image, axis, 0)
    if len(rows) == side == size:
        return image.astype(np.float32)
    weights = overlaps(len(rows), side, size)
    flat = rows.reshape(len(rows), -1)
    bands = np.zeros((size, flat.shape[1]), np.float32)
    for start in range(0, size, BANDS):
        some = weights[start : start + BANDS]
        if some.nnz:
            low, high = some.indices.min(), some.indices.max() + 1
            bands[start : start + BANDS] = some[:, low:high] @ flat[low:high].astype(np.float32)
    return np.moveaxis(bands.reshape(size, *rows.shape[1:]), 0, axis)


def shares(length: int, side: int, size: int) -> Pixels:
    """How much of each of `average`'s bands is within the image: float32 [size], 0..1."""
    inside: Pixels = overlaps(length, side, size).sum(axis=1)
    return inside


def overlaps(length: int, side: int, size: int) -> csr_array:
    """How much of each band each of `length` pixels is: float32 [size, length].

    In units of 1 / `size` of a pixel all edges are integers, so the overlaps are exact.
    """
    first = (length - side) // 2 * size  # negative: black before the image
    pixels, bands = np.arange(length + 1) * size, first + np.arange(size + 1) * side
    edges = np.union1d(pixels, bands)
    inside = (edges >= max(0, first)) & (edges < min(pixels[-1], bands[-1]))
    starts, lengths = edges[inside], np.diff(edges, append=edges[-1])[inside]
    places = (starts - first) // side, starts // size
    return csr_array(((lengths / side).astype(np.float32), places), (size, length))


def enlarge(image: Pixels, resolution: int) -> Pixels:
    """Interpolate [S, S, C] to [resolution, resolution, C], clipped to 0..255."""
    shape = (resolution, resolution)
    channels = [
        np.asarray(Image.fromarray(channel).resize(shape, Image.Resampling.BICUBIC))
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack(channels, axis=-1).clip(0, 255)
