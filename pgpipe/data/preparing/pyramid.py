"""Squares at every resolution: each half is the 2x2 box mean of the one above, rounded once.

What is kept from one resolution to the next is the sum over the boxes, so that whole pixels stay
whole numbers, of which nothing is lost; of fractions, float32 keeps what it can.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.feeding.multires import Block
from pgpipe.images import Images

Pixels = NDArray[np.floating[Any]]  # 0..255
Sample = tuple[Images | Pixels, str, str]  # image [R, R, C], label, name

SMALLEST = 4  # pixels
BLOCK_BYTES = 8 << 20  # of images that are made smaller at once
TIE = 45 / 65536  # of a gray level: a half rounds up whatever the last bits of its sum


def blocks(samples: Iterable[Sample]) -> Iterator[Block]:
    """Make images of one shape smaller, some at once."""
    held: list[Sample] = []
    for sample in samples:
        held.append(sample)
        if len(held) * sample[0].nbytes >= BLOCK_BYTES:
            yield block(held)
            held = []
    if held:
        yield block(held)


def block(samples: list[Sample]) -> Block:
    """The block of some images."""
    images, labels, _ = zip(*samples, strict=True)
    return Block(pyramid(np.stack(images)), labels)


def pyramid(squares: Images | Pixels) -> list[Images]:
    """uint8 or float [n, R, R, C] in 0..255 -> uint8 [n, N, N, C] for N = R, R / 2, ..., 4."""
    sums: NDArray[Any] = squares
    levels, pixels = [rounded(squares, 1)], 1
    while sums.shape[1] > SMALLEST:
        pixels *= 4
        sums = sum_boxes(sums, kind_of_sums(sums, pixels))
        levels.append(rounded(sums, pixels))
    return levels


def kind_of_sums(values: NDArray[Any], pixels: int) -> np.dtype[Any]:
    """The smallest type that holds sums of so many pixels, and what rounding adds to them."""
    if np.issubdtype(values.dtype, np.floating):
        return values.dtype
    return np.dtype(np.uint16 if 256 * pixels <= 1 << 16 else np.uint32)


def sum_boxes(values: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """Sums over 2x2 boxes: [n, N, N, C] -> [n, N / 2, N / 2, C].

    A channel at a time, because numpy is fast over long axes only.
    """
    rows = np.add(values[:, 0::2], values[:, 1::2], dtype=kind)
    sums = np.empty((*rows.shape[:2], rows.shape[2] // 2, rows.shape[3]), kind)
    for channel in range(rows.shape[3]):
        np.add(rows[:, :, 0::2, channel], rows[:, :, 1::2, channel], out=sums[..., channel])
    return sums


def rounded(sums: NDArray[Any], pixels: int) -> Images:
    """Sums over so many pixels, a power of 4, -> the means as uint8, to the nearest, ties up."""
    if sums.dtype == np.uint8:
        return sums
    if np.issubdtype(sums.dtype, np.integer):
        means = sums + sums.dtype.type(pixels * (0.5 + TIE)) >> pixels.bit_length() - 1
    else:
        means = np.floor(sums * (1 / pixels) + (0.5 + TIE)).clip(0, 255)
    whole: Images = means.astype(np.uint8)
    return whole
