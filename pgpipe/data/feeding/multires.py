"""The prepared data set `data/multires`: one uint8 array a resolution, and its reader.

    rN/00000.npy   uint8 [n, N, N, C], shards of at most 4 GB, for N = 4, 8, ... up to the largest
    labels.npy     int64 [count], an index into the manifest's `labels`
    captions.npy   UTF-8 [count], where the images have captions
    held_out/rN    the same of images that training never sees, where there are any
    manifest.json  count, channels, labels, hash of every array, rejected files with reasons;
                   `held_out`, how many there are, where some were asked for; `captions`, how many
                   differ, where there are some

Each smaller image is a box mean of the largest, rounded once. `writing` and `shards` write it, so
that what only reads does not depend on how it is made.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgpipe.errors import UsageError
from pgpipe.images import Images, release
from pgpipe.plumbing import sealed

MANIFEST = "manifest.json"
HELD_OUT = "held_out"
CAPTIONS = "captions.npy"


class Block(NamedTuple):
    """Some images at every resolution."""

    levels: Sequence[Images]  # uint8 [n, N, N, C] for N = R, R / 2, ..., 4
    labels: Sequence[str]
    captions: Sequence[str] = ()  # none, or one of each image


def sizes(resolution: int) -> list[int]:
    """The resolutions of a data set, from the largest down to 4."""
    return [resolution >> s for s in range(resolution.bit_length() - 2)]


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
        """The size of all images in bytes."""
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


def everything(store: ImageStore) -> Chosen:
    """Return all images of a store in its order."""
    return Chosen(store, np.arange(len(store)))


def read_shards(folder: Path) -> list[Images]:
    """The arrays that `ShardWriter` left in a folder, mapped."""
    files = sealed.files(folder, "*.npy")
    if not files and (folder.parent / MANIFEST).exists():
        raise UsageError(f"{folder}: no prepared images; is it above dataset.resolution?")
    if not files:
        raise UsageError(f"{folder}: no prepared images{sealed.remade(folder)}")
    return [sealed.read_array(file, "r") for file in files]


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a prepared data set."""
    manifest: dict[str, Any] = sealed.read_json(folder / MANIFEST)
    return manifest


def read_labels(folder: Path) -> NDArray[np.int64]:
    """Return the labels of a prepared data set: int64 [count]."""
    return sealed.read_array(folder / "labels.npy")


def read_captions(folder: Path) -> list[str]:
    """Return the captions of a prepared data set, one of each image, or none at all."""
    path = folder / CAPTIONS
    return [text.decode() for text in sealed.read_array(path)] if sealed.has(path) else []


def verify(folder: Path, name: str) -> dict[str, str]:
    """Refuse labels, captions and arrays below `folder/name` that are not what was prepared.

    Returns:
        Their hashes, by file.
    """
    arrays = read_manifest(folder)["arrays"]
    read = (f"{name}/", "labels", CAPTIONS)
    wanted = {f: arrays[f]["sha256"] for f in arrays if f.startswith(read)}
    sealed.require_known({folder / file: known for file, known in wanted.items()})
    return wanted
