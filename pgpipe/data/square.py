"""An image of any shape to a square of one resolution, in floating point.

The square lies centred on the image: inside it ("center") or around it ("pad"); or it is the one
that the paper's code cuts from CelebA's aligned images ("celeba"). Reduction is an
exact area average: each pixel of the result is the mean of what it covers, parts of pixels
included, so that nothing aliases at any ratio. Enlargement is bicubic.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pgpipe.images import Images

Crop = Literal["center", "pad", "celeba"]
CELEBA_SHAPE = (218, 178)  # pixels
CELEBA_FACE = (slice(121 - 64, 121 + 64), slice(89 - 64, 89 + 64))  # rows, columns
Pixels = NDArray[np.float32]


def square(image: Images, resolution: int, crop: Crop) -> Images | Pixels:
    """Cut or pad uint8 [H, W, C], then resize it: float32 [resolution, resolution, C] in 0..255.

    A part of the image that is a square of that size is returned as it is, uint8.

    "center" takes the largest centred square; "pad" takes the whole image on black; "celeba" takes
    128x128 pixels of 178x218. Where the square's side is at least `resolution` pixels, it is
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
    return small if size == resolution else enlarge(small, resolution)


def face(image: Images) -> Images:
    """The part of an aligned image of CelebA that the official code trains on."""
    if image.shape[:2] != CELEBA_SHAPE:
        height, width, _ = image.shape
        raise ValueError(f"{width}x{height} pixels are not the 178x218 that crop: celeba is for")
    return image[CELEBA_FACE]


def average(image: Images | Pixels, axis: int, side: int, size: int) -> Pixels:
    """Average `side` pixels, centred along an axis of [H, W, C], in `size` equal bands.

    Pixels beyond the image count as 0. A band's weights are its overlaps with each pixel; in units
    of 1 / `size` of a pixel all edges are integers, so the overlaps are exact.
    """
    rows = np.moveaxis(image, axis, 0)
    if len(rows) == side == size:
        return image.astype(np.float32)
    first = (len(rows) - side) // 2 * size  # negative: black before the image
    bands = np.empty((size, *rows.shape[1:]), np.float32)
    for index in range(size):
        start = first + index * side
        stop = start + side
        low, high = np.clip((start // size, -(-stop // size)), 0, len(rows))
        at = np.arange(low, high) * size
        overlaps = np.minimum(at + size, stop) - np.maximum(at, start)
        weights = (overlaps / side).astype(np.float32)
        bands[index] = np.tensordot(weights, rows[low:high].astype(np.float32), 1)
    return np.moveaxis(bands, 0, axis)


def enlarge(image: Pixels, resolution: int) -> Pixels:
    """Interpolate [S, S, C] to [resolution, resolution, C], clipped to 0..255."""
    shape = (resolution, resolution)
    channels = [
        np.asarray(Image.fromarray(channel).resize(shape, Image.Resampling.BICUBIC))
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack(channels, axis=-1).clip(0, 255)
