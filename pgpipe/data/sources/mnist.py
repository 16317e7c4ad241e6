"""MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017), training images.

28x28 gray, padded to 32x32 with black as in the paper's code.
"""

from collections.abc import Iterator
from pathlib import Path

from pgpipe.data.digits import MNIST_IMAGES, MNIST_LABELS, parse_mnist
from pgpipe.data.items import Item, items
from pgpipe.errors import IntegrityError

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
    names = (MNIST_IMAGES, MNIST_LABELS)
    try:
        known = parse_mnist({name: (raw / f"{name}.gz").read_bytes() for name in names})
    except IntegrityError as error:
        raise IntegrityError(f"{raw}: {error}") from None
    labels = [classes[digit] for digit in known.digits]
    return items(known.images[..., None], labels, MNIST_IMAGES)
