"""The prepared data set `data/multires`: one uint8 array a resolution, its writer and its reader.

    rN/00000.npy   uint8 [n, N, N, C], shards of at most 4 GB, for N = 4, 8, ... up to the largest
    labels.npy     int64 [count], an index into the manifest's `labels`
    manifest.json  count, channels, labels, hash of every array, rejected files with reasons

Each smaller image is a box mean of the largest, rounded once.
"""

import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.files import (
    fresh_folder,
    naming_full_disk,
    read_json,
    sha256_file,
    write_array,
    write_json,
)
from pgpipe.images import Images, release

SHARD_BYTES = 4 << 30


class Block(NamedTuple):
    """Some images at every resolution."""

    levels: Sequence[Images]  # uint8 [n, N, N, C] for N = R, R / 2, ..., 4
    labels: Sequence[str]


def sizes(resolution: int) -> list[int]:
    """The resolutions of a data set, from the largest down to 4."""
    return [resolution >> s for s in range(resolution.bit_length() - 2)]


class ShardWriter:
    """Appends images of one shape to `folder` as .npy shards of bounded size.

    From the second one on, a shard is hashed while it is written, as if it will be full. The first,
    and the last where it is not full, are read again for their hashes.
    """

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder, self.shard_bytes = fresh_folder(folder), shard_bytes
        self.file: BinaryIO | None = None
        self.hashes: list[str] = []  # of the closed shards
        self.count = 0  # images in all
        self.held = self.capacity = 0  # images of the open shard
        self.hash = hashlib.sha256()

    def append(self, images: Images) -> None:
        """Add uint8 [n, N, N, C]; all have to have the same N, N, C."""
        while len(images):
            file = self.file or self.open(images.shape[1:])
            some = np.ascontiguousarray(images[: self.capacity - self.held])
            file.write(some.data)
            if self.hashes:
                self.hash.update(some.data)
            self.held, self.count = self.held + len(some), self.count + len(some)
            images = images[len(some) :]
            if self.held == self.capacity:
                self.close()

    def open(self, shape: tuple[int, ...]) -> BinaryIO:
        """Begin a shard of as many images of a shape as it may hold."""
        self.shape, self.held = shape, 0
        self.capacity = max(1, self.shard_bytes // math.prod(shape))
        self.path = self.folder / f"{len(self.hashes):05d}.npy"
        self.file = self.path.open("wb")
        self.file.write(header := self.header(self.capacity))
        self.hash = hashlib.sha256(header)
        return self.file

    def header(self, count: int) -> bytes:
        """Of one length: numpy leaves room for the first axis to grow, so it can be rewritten."""
        buffer = io.BytesIO()
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *self.shape)}
        np.lib.format.write_array_header_1_0(buffer, header)
        return buffer.getvalue()

    def close(self) -> None:
        """End the open shard; its header states how many images it has."""
        if self.file is None:
            return
        with self.file as file:
            self.file = None
            file.seek(0)
            file.write(self.header(self.held))
        hashed = self.hashes and self.held == self.capacity
        self.hashes.append(self.hash.hexdigest() if hashed else sha256_file(self.path))


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


def write(
    blocks: Iterable[Block],
    folder: Path,
    resolution: int,
    rejected: list[tuple[str, str]],
    classes: Sequence[str] = (),
) -> dict[str, Any]:
    """Write a stream of images at all resolutions.

    Args:
        blocks: one image at least; their labels are among `classes`, where these are stated.
        folder: receives the data set; its own further arrays enter the manifest, too.
        resolution: R, of the largest.
        rejected: name, reason; may grow while the blocks are read.
        classes: all labels in order; without them, those that occur, sorted.

    Returns:
        The manifest.
    """
    labels: list[str] = []
    with naming_full_disk(folder):
        with ExitStack() as stack:
            writers = [
                stack.enter_context(closing(ShardWriter(folder / f"r{size}")))
                for size in sizes(resolution)
            ]
            for levels, some in blocks:
                labels += some
                for writer, images in zip(writers, levels, strict=True):
                    writer.append(images)
        return write_manifest(folder, labels, classes or sorted(set(labels)), writers, rejected)


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
    hashes = {
        writer.folder / f"{shard:05d}.npy": known
        for writer in writers
        for shard, known in enumerate(writer.hashes)
    }
    manifest = {
        "count": len(labels),
        "channels": writers[0].shape[2],
        "labels": list(classes) if len(classes) > 1 else [],
        "per_label": {label: counts[label] for label in classes},
        "arrays": {
            str(file.relative_to(folder)): {
                "shape": np.load(file, mmap_mode="r").shape,
                "sha256": hashes.get(file) or sha256_file(file),
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
