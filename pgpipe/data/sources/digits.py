"""The data set digits-1k: stacks of the handwritten digits that scikit-learn carries, at 32x32.

There are 1797 digits of 8x8 pixels in 0..16 (Alpaydin and Kaynak 1998), gray on black. They are
enlarged three times, so that they fill as much of the image as MNIST's fill of theirs.
"""

import gzip
import io
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.reading.rawzip import NAME, members, pack
from pgpipe.data.reading.square import enlarge
from pgpipe.data.sources import stacked
from pgpipe.data.sources.stacks import Digits
from pgpipe.errors import IntegrityError
from pgpipe.images import Images
from pgpipe.plumbing.hashes import sha256

SIDE = 32  # pixels
BUNDLED = "digits.csv.gz"
BUNDLED_SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"


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


SOURCE = stacked.source(lambda place: fetch_bundled(place.raw / NAME), read_bundled)
