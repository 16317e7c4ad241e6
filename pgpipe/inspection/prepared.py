"""A prepared data set in words, and a look at its images."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydantic import ConfigDict, Field

from pgpipe import rng
from pgpipe.config import Section
from pgpipe.data.feeding.multires import (
    CAPTIONS,
    HELD_OUT,
    ImageStore,
    read_captions,
    read_labels,
    read_manifest,
)
from pgpipe.data.reading.blaming import blaming
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.estimate.disk import human
from pgpipe.images import SHEET_COLUMNS, SHEET_ROWS, SHEET_TILE, Images, grid
from pgpipe.inspection.text import more, of_labels
from pgpipe.plumbing.terminal import Row

SHOWN = 12  # hexadecimal digits of a hash
LABELS = "labels.npy"
LISTED = 10  # rejected files that are named


class Stated(Section):
    """A part of a manifest, which may say more."""

    model_config = ConfigDict(extra="ignore")


class Array(Stated):
    """A file of the set."""

    shape: list[int]
    sha256: str


class Skipped(Stated):
    """A file that gave no image."""

    file: str
    reason: str


class Manifest(Stated):
    """What `prepare` states of the set."""

    count: int
    channels: int
    labels: list[str]
    per_label: dict[str, int]
    arrays: dict[str, Array]
    notes: list[str] = Field(default_factory=list)  # what was decided
    rejected: list[Skipped]
    held_out: int = 0  # images that training never sees
    captions: int = 0  # that differ

    @property
    def resolutions(self) -> list[int]:
        """In pixels, the smallest first."""
        folders = {name.partition("/")[0] for name in self.arrays if "/" in name}
        return sorted(int(folder.removeprefix("r")) for folder in folders - {HELD_OUT})

    def shards(self, resolution: int) -> dict[str, Array]:
        """The arrays of one resolution."""
        return {n: a for n, a in self.arrays.items() if n.startswith(f"r{resolution}/")}


def manifest(folder: Path) -> Manifest:
    """The manifest of a prepared set.

    Raises:
        UsageError: there is none.
        IntegrityError: it is not what `prepare` writes.
    """
    with blaming(folder / "manifest.json", "manifest"):
        return Manifest.model_validate(read_manifest(folder))


def store(folder: Path, known: Manifest, resolution: int | None) -> ImageStore:
    """The images of a resolution, the largest if none is named.

    Raises:
        UsageError: the set has others.
        IntegrityError: the arrays are not those of the manifest.
    """
    chosen = resolution or known.resolutions[-1]
    if chosen not in known.resolutions:
        has = ", ".join(map(str, known.resolutions))
        raise UsageError(f"--resolution: {chosen} is none of those that {folder} has: {has}")
    with blaming(folder / f"r{chosen}", "array of images"):
        found = ImageStore(folder / f"r{chosen}")
    if found.shape != (known.count, chosen, chosen, known.channels):
        raise IntegrityError(f"{folder}/r{chosen}: {found.shape} is not what the manifest says")
    return found


def names(folder: Path, known: Manifest) -> list[str]:
    """The label of each image, in words; empty where the set has none."""
    if not known.labels:
        return [""] * known.count
    with blaming(folder / LABELS, "array of labels"):
        return [known.labels[number] for number in read_labels(folder).tolist()]


def captions(folder: Path, known: Manifest) -> list[str]:
    """The caption of each image; empty where the set has none."""
    with blaming(folder / CAPTIONS, "array of captions"):
        return read_captions(folder) or [""] * known.count


def rows(folder: Path, known: Manifest) -> Iterator[Row]:
    """The manifest as a person reads it, but for its notes."""
    files = [file.stat().st_size for file in folder.rglob("*.npy")]
    kind = "RGB" if known.channels == 3 else "gray"
    yield ("data set", f"{folder}, {human(sum(files))}")
    yield ("images", f"{known.count:,}, {kind}")
    if known.held_out:
        yield ("held out", f"{known.held_out:,} more, which training never sees")
    yield from of_labels(known.per_label if known.labels else {})
    if known.captions:
        yield ("captions", f"{known.captions:,} that differ")
    yield ("arrays", "resolution, bytes, file, SHA-256")
    for resolution in known.resolutions:
        for name, array in known.shards(resolution).items():
            size = human(math.prod(array.shape))
            yield ("", f"{resolution}x{resolution}: {size}, {name}, {array.sha256[:SHOWN]}")
    yield ("rejected", f"{len(known.rejected):,}")
    yield from more(f"{one.file!r}: {one.reason}" for one in known.rejected[:LISTED])


def sheet(folder: Path, resolution: int | None, seed: int) -> Images:
    """A picture of random images of a set: uint8 [H, W, C]; `resolution` as in `store`."""
    images = store(folder, manifest(folder), resolution)
    order = rng.permutation(len(images), rng.key(seed, "sheet", 0)).numpy()
    chosen = np.sort(order[: SHEET_ROWS * SHEET_COLUMNS])
    return grid(images.take(chosen), SHEET_COLUMNS, SHEET_TILE)
