"""What a source yields: an image as it was published, with a label and a name."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.reading.decode import MAX_PIXELS
from pgpipe.images import Images

Item = tuple[bytes | Images, str, str]  # a file's bytes or uint8 [H, W, 1 or 3]; label; name


def size_of(item: Item) -> int:
    """Bytes of an image, packed or not."""
    image = item[0]
    return len(image) if isinstance(image, bytes) else image.nbytes


def batches(items: Iterator[Item], most: int, most_bytes: int) -> Iterator[list[Item]]:
    """At most so many images each, or fewer that together reach so many bytes."""
    batch: list[Item] = []
    held = 0
    for item in items:
        batch.append(item)
        held += size_of(item)
        if len(batch) == most or held >= most_bytes:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def numbered(values: NDArray[np.integer]) -> list[str]:
    """Numbers as labels that sort as the numbers do: 7 of 0..12 is "07"."""
    digits = len(str(values.max(initial=0)))
    return [f"{value:0{digits}d}" for value in values.tolist()]


def items(images: Images, labels: list[str], place: str) -> Iterator[Item]:
    """The images of an array [N, H, W, C], named by where they are from and their number."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        yield image, label, f"{place}/{number:07d}"


def channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Which axes of an image [H, W], [H, W, C] or [C, H, W] are H, W and, where there is one, C.

    Raises:
        ValueError: none of these with 1 or 3 channels, or too many pixels.
    """
    last = len(shape) == 3 and shape[2] in (1, 3)
    first = len(shape) == 3 and shape[0] in (1, 3)
    axes = (0, 1) if len(shape) == 2 else (0, 1, 2) if last else (1, 2, 0)
    if not (len(shape) == 2 or last or first) or (last and first):
        raise ValueError(f"images of shape {shape} are not [H, W], [H, W, C] or [C, H, W]")
    if not 0 < math.prod(shape[axis] for axis in axes[:2]) <= MAX_PIXELS:
        raise ValueError(f"images of shape {shape} have no pixels, or more than {MAX_PIXELS}")
    return axes


def upright(image: Images, axes: tuple[int, ...]) -> Images:
    """[H, W, C] of an image whose axes are these."""
    turned = image.transpose(axes)
    return turned if turned.ndim == 3 else turned[..., None]
