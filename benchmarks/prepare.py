"""Preparation beside the plain way, one image at a time: speed, agreement, peak memory.

Both read the same archive of JPEGs and write the same arrays, in turn, each in a fresh process.
Records are images that need no decoding, as CIFAR-10 has them.
"""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import PIL
from PIL import Image

from benchmarks.literal import literal
from benchmarks.pictures import Windows
from benchmarks.process import Measured, measured_with_children
from pgpipe.config import PARAMS_FILE, load_yaml
from pgpipe.data.config import DatasetSection
from pgpipe.data.feeding import multires
from pgpipe.data.preparing import keeping, squares
from pgpipe.data.reading import folder as folders
from pgpipe.data.reading import items, rawzip
from pgpipe.images import Images
from pgpipe.plumbing.files import fresh_folder
from pgpipe.plumbing.processes.cores import cores

SEED = 0
ROUNDS = 3
QUALITY = 90  # of the JPEGs
PICTURES = 32  # different ones
RECORD = 32  # pixels
OWN = {"name": "folder", "crop": "center", "color": "rgb", "boxes": ""}
ALL = {"labels": "source", "classes": (), "list": "", "images": 0}


@dataclass(frozen=True)
class Row:
    """One way of making one set."""

    images: str
    way: str
    count: int
    rounds: list[Measured]

    @property
    def seconds(self) -> float:
        """The median."""
        return float(np.median([one.seconds for one in self.rounds]))

    @property
    def cpu(self) -> float:
        """The median of the seconds of processors."""
        return float(np.median([one.cpu for one in self.rounds]))

    @property
    def peak(self) -> int:
        """The most bytes of all its processes in any round."""
        return max(one.peak for one in self.rounds)


def compare(images: int, resolution: int, records: int) -> tuple[list[Row], int]:
    """Measure both ways on generated JPEGs, in turn, then ours on records.

    Returns:
        What was measured, and how many pixels of all resolutions differ.
    """
    with TemporaryDirectory(dir=Path.cwd()) as name:  # on a disk, where /tmp may be memory
        archive, ours, plain = (Path(name) / part for part in (rawzip.NAME, "ours", "plain"))
        write_jpegs(archive, images, resolution)
        kind = f"JPEGs of {resolution}x{resolution}"
        rows = [Row(kind, "plain", images, []), Row(kind, "ours", images, [])]
        for _ in range(ROUNDS):
            for row, way, target in zip(rows, (plainly, prepare), (plain, ours), strict=True):
                fresh_folder(target)
                row.rounds.append(measured_with_children(way, archive, target, resolution))
        differing = sum(differences(ours, plain))
        small = measured_with_children(prepare_records, ours, records)
    return [*rows, Row(f"records of {RECORD}x{RECORD}", "ours", records, [small])], differing


def write_jpegs(archive: Path, count: int, resolution: int) -> None:
    """Pack so many JPEGs of windows into a picture."""
    encoded = [jpeg(pixels) for pixels in Windows(min(count, PICTURES), resolution, SEED)[:]]
    rawzip.pack([(f"{n:06d}.jpg", encoded[n % len(encoded)]) for n in range(count)], archive)


def jpeg(pixels: Images) -> bytes:
    """An image as a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def prepare(archive: Path, target: Path, resolution: int) -> None:
    """Our way."""
    write(folders.read(archive), target, resolution)


def plainly(archive: Path, target: Path, resolution: int) -> None:
    """The plain way."""
    literal("prepare").prepare(archive, target, resolution)


def prepare_records(target: Path, count: int) -> None:
    """Our way with images that are pixels already."""
    pixels = np.random.default_rng(SEED).integers(0, 256, (count, RECORD, RECORD, 3), np.uint8)
    write(items.items(pixels, [""] * count, "records"), target, RECORD)


def write(images: Iterator[items.Item], target: Path, resolution: int) -> None:
    """Write a data set as the stage does, with the parameters of params.yaml."""
    values = load_yaml(PARAMS_FILE)["dataset"]
    dataset = DatasetSection(**{**values, **OWN, **ALL, "resolution": resolution})
    place = target.with_name("kept")
    with (
        keeping.kept(place, "bench", resolution) as keeper,
        squares.blocks(images, dataset, target, keeper.writer.rejected) as blocks,
    ):
        keeper.write(blocks, fresh_folder(target))


def differences(ours: Path, plain: Path) -> Iterator[int]:
    """How many pixels differ at each resolution."""
    for file in plain.glob("*.npy"):
        theirs = np.load(file, mmap_mode="r")
        store = multires.ImageStore(ours / file.stem)
        for number in range(len(store)):
            yield int(np.count_nonzero(store.take(np.array([number]))[0] != theirs[number]))


def lines_of(rows: list[Row], way: str) -> Iterator[str]:
    """The rows below a header that calls what was done `way`."""
    yield f"| images | {way} | of | seconds | a second | CPU seconds | peak |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| {row.images} | {row.way} | {row.count} | {row.seconds:.2f} "
            f"| {row.count / row.seconds:.0f} | {row.cpu:.2f} | {row.peak / 1e9:.2f} GB |"
        )


def table(rows: list[Row], differing: int) -> Iterator[str]:
    """Lines of Markdown: a row a way."""
    here = f"{cores()} of {os.cpu_count()} cores"
    yield f"Pillow {PIL.__version__}, numpy {np.__version__}, {here}, medians of {ROUNDS} rounds"
    yield ""
    yield from lines_of(rows, "way")
    yield ""
    speed, thrift = rows[0].seconds / rows[1].seconds, rows[0].cpu / rows[1].cpu
    yield f"{speed:.1f} times as fast, {thrift:.1f} times by CPU; {differing} pixels differ"
