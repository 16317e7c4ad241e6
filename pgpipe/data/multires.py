"""The prepared data set `data/multires`: one uint8 array a resolution, its writer and its reader.

    rN/00000.npy   uint8 [n, N, N, C], shards of at most 4 GB, for N = 4, 8, ... up to the largest
    labels.npy     int64 [count], an index into the manifest's `labels`
    manifest.json  count, channels, labels, hash of every array, rejected files with reasons

Each smaller image is the 2x2 box mean of the one above, in floating point, rounded once.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.files import (
    fresh_folder,
    raise_if_full,
    read_json,
    sha256_file,
    write_array,
    write_json,
)
from pgpipe.images import Images, release

Pixels = NDArray[np.floating[Any]]  # 0..255
Sample = tuple[Pixels, str, str]  # image [R, R, C], label, name

SHARD_BYTES = 4 << 30
TIE = 7e-4  # of a gray level: a half rounds up whatever the last bits of its sum


class ShardWriter:
    """Appends images of one shape to `folder` as .npy shards of bounded size."""

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder, self.shard_bytes = fresh_folder(folder), shard_bytes
        self.file: BinaryIO | None = None
        self.shards = self.count = 0

    def append(self, image: Images) -> None:
        """Add one uint8 [N, N, C]; all have to have the same shape."""
        if self.file is None or (self.count + 1) * image.nbytes > self.shard_bytes:
            self.close()
            self.shape = image.shape
            self.file = (self.folder / f"{self.shards:05d}.npy").open("wb")
            self.shards, self.count = self.shards + 1, 0
            self.write_header()
        self.file.write(image.tobytes())
        self.count += 1

    def write_header(self) -> None:
        """Numpy leaves room in the header for the first axis to grow, so it can be rewritten."""
        assert self.file is not None
        header = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self.shape)}
        np.lib.format.write_array_header_1_0(self.file, header)

    def close(self) -> None:
        """State the final count in the open shard."""
        if self.file is not None:
            self.file.seek(0)
            self.write_header()
            self.file.close()
            self.file = None


class ImageStore:
    """The images of one resolution: memory-mapped shards, or one array, behind one index."""

    def __init__(self, source: Path | Images) -> None:
        self.shards = read_shards(source) if isinstance(source, Path) else [source]
        self.plain = [np.asarray(shard) for shard in self.shards]  # no copies: faster to index
        self.starts = np.cumsum([0, *map(len, self.shards)])
        self.shape: tuple[int, ...] = (int(self.starts[-1]), *self.shards[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Of all images."""
        return math.prod(self.shape)

    def take(self, indices: NDArray[np.int64]) -> Images:
        """uint8 [len(indices), N, N, C], copied."""
        if len(self.shards) == 1:
            return self.plain[0].take(indices, axis=0)
        out = np.empty((len(indices), *self.shape[1:]), np.uint8)
        shard_of = np.searchsorted(self.starts, indices, side="right") - 1
        for number in np.unique(shard_of):
            chosen = shard_of == number
            out[chosen] = self.plain[number][indices[chosen] - self.starts[number]]
        return out


class Chosen:
    """Some images of a store in an order of their own, read when they are asked for."""

    def __init__(self, store: ImageStore, indices: NDArray[np.int64]) -> None:
        self.store, self.indices = store, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, chosen: slice) -> Images:
        images = self.store.take(self.indices[chosen])
        for shard in self.store.shards:
            release(shard)
        return images


def read_shards(folder: Path) -> list[Images]:
    """The arrays that `ShardWriter` left in a folder, mapped."""
    files = sorted(folder.glob("*.npy"))
    if not files:
        raise UsageError(f"{folder}: no prepared images; is it above dataset.resolution?")
    return [np.load(file, mmap_mode="r") for file in files]


def halve(image: Pixels) -> Pixels:
    """2x2 box means: [N, N, C] -> [N/2, N/2, C]."""
    side, channels = image.shape[0] // 2, image.shape[2]
    boxes = image.reshape(side, 2, side, 2, channels)
    means: Pixels = boxes.mean(axis=(1, 3))
    return means


def to_pixels(image: Pixels) -> Images:
    """0..255 -> uint8, to the nearest, ties up."""
    pixels: Images = np.floor(image + (0.5 + TIE)).clip(0, 255).astype(np.uint8)
    return pixels


def write(
    samples: Iterable[Sample],
    folder: Path,
    resolution: int,
    rejected: list[tuple[str, str]],
    classes: Sequence[str] = (),
) -> dict[str, Any]:
    """Write a stream of (image [R, R, C] in 0..255, label, name) at all resolutions.

    Args:
        samples: at least one; their labels are among `classes`, where these are stated.
        folder: receives the data set; its own further arrays enter the manifest, too.
        resolution: R.
        rejected: name, reason; may grow while the samples are read.
        classes: all labels in order; without them, those that occur, sorted.

    Returns:
        The manifest.
    """
    labels: list[str] = []
    sizes = [resolution >> s for s in range(resolution.bit_length() - 2)]  # R, ..., 4
    try:
        with ExitStack() as stack:
            writers = [stack.enter_context(closing(ShardWriter(folder / f"r{s}"))) for s in sizes]
            for image, label, _ in samples:
                labels.append(label)
                for writer in writers:
                    writer.append(to_pixels(image))
                    image = halve(image)
        return write_manifest(folder, labels, classes or sorted(set(labels)), writers, rejected)
    except OSError as error:
        raise_if_full(error, folder)
        raise


def write_manifest(
    folder: Path,
    labels: list[str],
    classes: Sequence[str],
    writers: list[ShardWriter],
    rejected: list[tuple[str, str]],
) -> dict[str, Any]:
    """State what was written, with the hash of every array."""
    if not labels:
        raise UsageError(f"no readable image among {len(rejected)} files: {rejected[:3]}")
    counts = Counter(labels)
    numbers = {label: number for number, label in enumerate(classes)}
    numbered = np.array([numbers[label] for label in labels], np.int64)
    write_array(folder / "labels.npy", numbered)
    manifest = {
        "count": len(labels),
        "channels": writers[0].shape[2],
        "labels": list(classes) if len(classes) > 1 else [],
        "per_label": {label: counts[label] for label in classes},
        "arrays": {
            str(file.relative_to(folder)): {
                "shape": np.load(file, mmap_mode="r").shape,
                "sha256": sha256_file(file),
            }
            for file in sorted(folder.rglob("*.npy"))
        },
        "rejected": [{"file": name, "reason": reason} for name, reason in rejected],
    }
    write_json(folder / "manifest.json", manifest)
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a prepared data set."""
    try:
        manifest: dict[str, Any] = read_json(folder / "manifest.json")
    except FileNotFoundError:
        raise UsageError(f"{folder}: no data set; run `dvc repro prepare`") from None
    return manifest


def read_labels(folder: Path) -> NDArray[np.int64]:
    """int64 [count]."""
    labels: NDArray[np.int64] = np.load(folder / "labels.npy")
    return labels


def verify(folder: Path, name: str) -> dict[str, str]:
    """Compare the labels and the arrays below `folder/name` with the manifest's hashes.

    Returns:
        Their hashes, by file.
    """
    arrays = read_manifest(folder)["arrays"]
    wanted = {f: arrays[f]["sha256"] for f in arrays if f.startswith((f"{name}/", "labels"))}
    for file, known in wanted.items():
        if not (folder / file).exists() or sha256_file(folder / file) != known:
            raise IntegrityError(f"{folder / file}: not the array that was prepared (hash differs)")
    return wanted
