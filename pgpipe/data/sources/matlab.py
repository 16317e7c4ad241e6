"""Sets with MATLAB files: SVHN (Netzer et al. 2011), Oxford Flowers (Nilsback, Zisserman 2008)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.reading import rawzip, tars
from pgpipe.data.reading.blaming import blaming
from pgpipe.data.reading.items import Item, items, numbered
from pgpipe.data.sources.obtain import published
from pgpipe.data.sources.source import Source
from pgpipe.errors import IntegrityError

CLASSES = 102  # of flowers


def read_svhn(raw: Path) -> Iterator[Item]:
    """73,257 house numbers' digits, cropped to 32x32: X is [32, 32, 3, N], y is 1..10 (for 0)."""
    path = raw / "train_32x32.mat"
    images, digits = load(path, "X", 4, np.uint8), load(path, "y", 2, np.integer).ravel()
    if images.shape != (32, 32, 3, len(digits)) or digits.min() < 1 or digits.max() > 10:
        raise IntegrityError(
            f"{path}: images {images.shape} with {len(digits)} labels, expected [32, 32, 3, N] "
            "with N labels of 1..10"
        )
    return items(images.transpose(3, 0, 1, 2), numbered(digits % 10), path.stem)


def read_flowers(raw: Path) -> Iterator[Item]:
    """8,189 flowers of 102 kinds: jpg/image_00001.jpg is of the first of the labels 1..102."""
    path = raw / "imagelabels.mat"
    kinds = load(path, "labels", 2, np.integer).ravel()
    if kinds.min() < 1 or kinds.max() > CLASSES:
        raise IntegrityError(f"{path}: labels are not 1..{CLASSES}")
    labels = [f"{kind:03d}" for kind in kinds]
    archive = raw / "102flowers.tgz"
    for name, data in tars.members(archive):
        number = rawzip.parts(name)[-1].removeprefix("image_").removesuffix(".jpg")
        if not number.isdecimal() or not 1 <= int(number) <= len(labels):
            raise IntegrityError(f"{archive}: {name!r} is none of {len(labels)} labelled images")
        yield data, labels[int(number) - 1], name


def load(path: Path, name: str, axes: int, kind: type) -> NDArray[Any]:
    """A numeric array of a MATLAB file.

    Raises:
        IntegrityError: no such file, no such array, or of another kind.
    """
    from scipy.io import loadmat

    with blaming(path, "MATLAB file"):
        array = loadmat(path, variable_names=[name]).get(name)
        if not isinstance(array, np.ndarray) or array.ndim != axes or not array.size:
            raise ValueError(f"no array {name!r} of {axes} axes")
        if not np.issubdtype(array.dtype, kind):
            raise ValueError(f"{name!r} is of {array.dtype}")
    return array


SVHN = Source(published, read_svhn)
FLOWERS = Source(published, read_flowers)
