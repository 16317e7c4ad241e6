"""The embedded data set: windows into ten photographs that scikit-image carries in its wheel.

Each photograph is a class. A window is a random square, its side drawn between two bounds, reduced
by box averaging (the exact mean over the area that each pixel covers). No network is needed.
Numbers are taken as they stand, as scikit-image gives them: rocket.jpg has a profile of Adobe RGB.
"""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.config import DatasetSection
from pgpipe.data.preparing.pyramid import Sample
from pgpipe.data.reading.decode import Channels, decode
from pgpipe.data.reading.rawzip import NAME, members, pack
from pgpipe.data.sources.source import Made
from pgpipe.errors import IntegrityError
from pgpipe.images import Images
from pgpipe.plumbing.hashes import sha256


class Region(NamedTuple):
    """A part of a photograph, in pixels."""

    top: int
    left: int
    height: int
    width: int


class Photograph(NamedTuple):
    """A file of scikit-image's data folder, and which of its windows are the class."""

    file: str
    region: Region | None  # where the windows lie; None: anywhere
    smallest: int  # side of a window, in pixels
    largest: int
    hash: str  # sha256


PHOTOGRAPHS = {
    "hubble": Photograph(
        "hubble_deep_field.jpg",
        None,
        160,
        256,
        "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
    ),
    "tissue": Photograph(
        "ihc.png",
        None,
        340,
        460,
        "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
    ),
    "retina": Photograph(
        "retina.jpg",
        None,
        1250,
        1411,
        "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
    ),
    "coffee": Photograph(
        "coffee.png",
        Region(0, 80, 400, 410),
        350,
        400,
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    ),
    "astronaut": Photograph(
        "astronaut.png",
        Region(0, 70, 370, 370),
        310,
        370,
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
    "cat": Photograph(
        "chelsea.png",
        Region(0, 95, 300, 320),
        270,
        300,
        "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    ),
    "rocket": Photograph(
        "rocket.jpg",
        Region(67, 140, 360, 370),
        310,
        360,
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
    ),
    "grass": Photograph(
        "grass.png",
        None,
        64,
        90,
        "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
    ),
    "gravel": Photograph(
        "gravel.png",
        None,
        64,
        96,
        "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    ),
    "brick": Photograph(
        "brick.png",
        Region(230, 0, 282, 512),
        72,
        110,
        "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    ),
}


def fetch(target: Path) -> None:
    """Pack the ten photographs, verified, as `label/file` into the archive `target`."""
    folder = resources.files("skimage") / "data"
    files = {
        f"{label}/{p.file}": (folder / p.file).read_bytes() for label, p in PHOTOGRAPHS.items()
    }
    for (name, data), photograph in zip(files.items(), PHOTOGRAPHS.values(), strict=True):
        if sha256(data) != photograph.hash:
            raise IntegrityError(f"{name}: scikit-image carries another file than expected")
    pack(files.items(), target)


def read(
    archive: Path, channels: Channels, resolution: int, per_class: int, seed: int
) -> Iterator[Sample]:
    """Windows of all photographs, class after class within each round."""
    tables = {}
    for name, data in members(archive):
        label = name.split("/")[0]
        photo = decode(data, name, channels, profiles=False)
        tables[label] = summed_area(part(photo, PHOTOGRAPHS[label].region))
    for index in range(per_class):
        for number, (label, table) in enumerate(tables.items()):
            draw = np.random.default_rng([seed, number, index])
            top, left, side = random_window(table, PHOTOGRAPHS[label], resolution, draw)
            name = f"{label}/{index:05d}"
            yield box_mean(table, top, left, side, resolution), label, name


def part(photo: Images, region: Region | None) -> Images:
    """The pixels [H, W, C] of a region."""
    if region is None:
        return photo
    top, left, height, width = region
    return photo[top : top + height, left : left + width]


def random_window(
    table: NDArray[np.float64], photo: Photograph, resolution: int, draw: np.random.Generator
) -> tuple[int, int, int]:
    """A square inside the region, never enlarged: top, left, side in pixels."""
    height, width = table.shape[0] - 1, table.shape[1] - 1
    smallest, largest = max(photo.smallest, resolution), max(photo.largest, resolution)
    side = int(draw.integers(smallest, largest, endpoint=True))
    top = int(draw.integers(0, height - side, endpoint=True))
    left = int(draw.integers(0, width - side, endpoint=True))
    return top, left, side


def summed_area(photo: Images) -> NDArray[np.float64]:
    """Sums over all pixels above and to the left (Crow 1984): [H, W, C] -> [H + 1, W + 1, C]."""
    sums = photo.astype(np.float64).cumsum(axis=0).cumsum(axis=1)
    return np.pad(sums, ((1, 0), (1, 0), (0, 0)))


def box_mean(
    table: NDArray[np.float64], top: int, left: int, side: int, resolution: int
) -> NDArray[np.float64]:
    """Means over a grid of resolution x resolution equal boxes of a window.

    Between pixel borders the summed area of a piecewise constant image is bilinear, so boxes of any
    size are exact.
    """
    edges = np.linspace(0, side, resolution + 1)
    window = table[top : top + side + 1, left : left + side + 1]
    corners = interpolate(interpolate(window, edges).swapaxes(0, 1), edges).swapaxes(0, 1)
    sums = np.diff(np.diff(corners, axis=0), axis=1)
    means: NDArray[np.float64] = sums * (resolution / side) ** 2
    return means


def interpolate(rows: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear interpolation along the first axis, at positions 0 .. len(rows) - 1."""
    below = np.minimum(at.astype(np.int64), len(rows) - 2)
    weight = (at - below)[:, None, None]
    between: NDArray[np.float64] = rows[below] * (1 - weight) + rows[below + 1] * weight
    return between


def windows(raw: Path, dataset: DatasetSection) -> Iterator[Sample]:
    """The windows that the parameters ask for."""
    number, seed = dataset.images_per_class, dataset.seed
    return read(raw / NAME, dataset.channels, dataset.resolution, number, seed)


SOURCE = Made(lambda place: fetch(place.raw / NAME), windows)
