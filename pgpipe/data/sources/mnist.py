"""MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017), training images.

28x28 gray, padded to 32x32 with black as in the paper's code.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.reading import idx
from pgpipe.data.reading.bounds import content
from pgpipe.data.reading.items import Item, items
from pgpipe.data.sources.obtain import published
from pgpipe.data.sources.source import Source
from pgpipe.errors import IntegrityError
from pgpipe.images import Images

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
KIND = "idx file"
CLOTHES = (
    *("T-shirt", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def read_digits(raw: Path) -> Iterator[Item]:
    """60,000 images of the digits 0 to 9."""
    return read(raw, tuple(map(str, range(10))))


def read_fashion(raw: Path) -> Iterator[Item]:
    """60,000 images of ten kinds of clothes."""
    return read(raw, CLOTHES)


def read(raw: Path, classes: tuple[str, ...]) -> Iterator[Item]:
    """The images of two gzipped idx files."""
    names = (IMAGES, LABELS)
    try:
        images, digits = parse({name: content(raw / f"{name}.gz", KIND) for name in names})
    except IntegrityError as error:
        raise IntegrityError(f"{raw}: {error}") from None
    labels = [classes[digit] for digit in digits]
    return items(images[..., None], labels, IMAGES)


def parse(files: dict[str, bytes]) -> tuple[Images, NDArray[np.int64]]:
    """uint8 [n, 32, 32] and the class 0..9 of each [n]: 28x28 pixels, padded with black."""
    images = idx.parse(files[IMAGES], IMAGES, 3)
    digits = idx.parse(files[LABELS], LABELS, 1)
    if images.shape != (len(digits), 28, 28) or not len(digits) or digits.max() > 9:
        raise IntegrityError(
            f"{IMAGES}: images {images.shape} with {len(digits)} labels, expected one label "
            "in 0..9 for each image of 28x28"
        )
    return np.pad(images, ((0, 0), (2, 2), (2, 2))), digits.astype(np.int64)


MNIST = Source(published, read_digits)
FASHION_MNIST = Source(published, read_fashion)
