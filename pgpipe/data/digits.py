"""Handwritten digits at 32x32, gray on black: scikit-learn's bundled ones, or MNIST's own files.

scikit-learn carries 1797 digits of 8x8 pixels in 0..16 (Alpaydin and Kaynak 1998). They are
enlarged three times, so that they fill as much of the image as MNIST's fill of theirs.
"""

import gzip
import io
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgpipe.data import idx
from pgpipe.data.rawzip import members, pack
from pgpipe.data.square import enlarge
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.hashes import sha256
from pgpipe.images import Images

SIDE = 32  # pixels
BUNDLED = "digits.csv.gz"
BUNDLED_SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
MNIST_IMAGES, MNIST_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


class Digits(NamedTuple):
    """Single digits."""

    images: Images  # uint8 [n, 32, 32]
    digits: NDArray[np.int64]  # [n], 0..9


def fetch_bundled(target: Path) -> None:
    """Pack scikit-learn's file, verified, into the archive `target`."""
    data = (resources.files("sklearn") / "datasets" / "data" / BUNDLED).read_bytes()
    if sha256(data) != BUNDLED_SHA256:
        raise IntegrityError(f"{BUNDLED}: scikit-learn carries another file than expected")
    pack([(BUNDLED, data)], target)


def read_bundled(archive: Path) -> Digits:
    """The digits that `fetch_bundled` packed: 64 pixels and the digit in each line."""
    ((_, data),) = members(archive)
    table = np.loadtxt(io.BytesIO(gzip.decompress(data)), np.int64, delimiter=",")
    small = table[:, :-1].reshape(-1, 8, 8) * (255 / 16)
    return Digits(np.stack([smooth(image) for image in small]), table[:, -1])


def smooth(image: NDArray[np.float64]) -> Images:
    """[8, 8] in 0..255 -> uint8 [32, 32]: bicubic, three times as large, black around it.

    The border is there before the enlargement, so that strokes at the edge end softly.
    """
    margin, scale = 2, 3
    canvas = np.pad(image, margin).astype(np.float32)[..., None]  # [12, 12, 1]
    large = enlarge(canvas, scale * len(canvas))[..., 0]
    cut = (len(large) - SIDE) // 2
    pixels: Images = np.rint(large[cut:-cut, cut:-cut]).astype(np.uint8)
    return pixels


def fetch_mnist(folder: Path, target: Path) -> None:
    """Check MNIST's training images and labels, gzipped or not, and pack them into `target`.

    Raises:
        UsageError: they are not in `folder`, or not readable.
        IntegrityError: they are not what their names say.
    """
    try:
        files = {name: find(folder, name).read_bytes() for name in (MNIST_IMAGES, MNIST_LABELS)}
    except PermissionError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    parse_mnist(files)
    pack(files.items(), target)


def find(folder: Path, name: str) -> Path:
    """The file `name` or `name.gz` of a folder."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise UsageError(f"{folder}: no {name}[.gz]; set dataset.path to the folder of MNIST's files")


def read_mnist(archive: Path) -> Digits:
    """The digits that `fetch_mnist` packed."""
    return parse_mnist(dict(members(archive)))


def parse_mnist(files: dict[str, bytes]) -> Digits:
    """28x28 digits, padded to 32x32 with black as in the paper's code."""
    images = idx.parse(files[MNIST_IMAGES], MNIST_IMAGES, 3)
    digits = idx.parse(files[MNIST_LABELS], MNIST_LABELS, 1)
    if images.shape != (len(digits), 28, 28) or not len(digits) or digits.max() > 9:
        raise IntegrityError(
            f"{MNIST_IMAGES}: images {images.shape} with {len(digits)} labels, expected one label "
            "in 0..9 for each image of 28x28"
        )
    return Digits(np.pad(images, ((0, 0), (2, 2), (2, 2))), digits.astype(np.int64))
