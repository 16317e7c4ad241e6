"""The writer of `data/multires`: all resolutions of a stream of images in one pass."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.feeding.multires import CAPTIONS, HELD_OUT, MANIFEST, Block, sizes
from pgpipe.data.preparing.shards import START, Mark, ShardWriter
from pgpipe.errors import UsageError
from pgpipe.images import Images
from pgpipe.plumbing import sealed
from pgpipe.plumbing.files import write_array, write_json
from pgpipe.plumbing.hashes import sha256_file
from pgpipe.plumbing.terminal import counted
from pgpipe.plumbing.unwritable import naming_full_disk

SHOWN = 3  # rejected files that an error names
Rejections = list[tuple[str, str]]  # name, reason


class Progress(NamedTuple):
    """How far a data set is: the images, and the shards of each resolution, largest first."""

    labels: Sequence[str] = ()
    captions: Sequence[str] = ()
    rejected: Sequence[tuple[str, str]] = ()
    shards: Sequence[Mark] = ()
    held_out: "Progress | None" = None


NOTHING = Progress()


class Split(NamedTuple):
    """Which images are held out: each by its own pixels, so that copies of it are, too."""

    share: float
    seed: int

    def held_out(self, images: Images) -> NDArray[np.bool_]:
        """Return which of uint8 [n, R, R, C] are: bool [n], about `share` of them."""
        salt, limit = self.seed.to_bytes(8, "little"), self.share * 2**64
        hashes = (hashlib.sha256(salt + image.tobytes()).digest() for image in images)
        return np.array([int.from_bytes(drawn[:8], "little") < limit for drawn in hashes], bool)


ALL = Split(0, 0)  # are trained on


class SetWriter:
    """Appends blocks at every resolution; a context that closes the shards at its end."""

    def __init__(
        self, folder: Path, resolution: int, progress: Progress = NOTHING, split: Split = ALL
    ) -> None:
        """Write shards to `folder`, or go on there.

        Raises:
            IntegrityError: what is in `folder` is not what `progress` says.
        """
        self.labels, self.captions = [*progress.labels], [*progress.captions]
        self.split = split
        self.rejected: Rejections = [*progress.rejected]  # grows while blocks are read
        self.notes: list[str] = []  # what somebody should know of the set
        self.writers: list[ShardWriter] = []
        self.held_out: SetWriter | None = None
        marks = progress.shards or [START] * len(sizes(resolution))
        try:
            for size, mark in zip(sizes(resolution), marks, strict=True):
                self.writers.append(ShardWriter(folder / f"r{size}", mark=mark))
            if split.share:
                apart = progress.held_out or NOTHING
                self.held_out = SetWriter(folder / HELD_OUT, resolution, apart)
        except BaseException:
            self.drop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            for writer in self.shard_writers:
                writer.close()
        self.drop()

    @property
    def shard_writers(self) -> list[ShardWriter]:
        """Return the writers of all shards, those that are held out last."""
        return [*self.writers, *(self.held_out.writers if self.held_out else ())]

    def drop(self) -> None:
        """Leave the open shards as they are."""
        for writer in self.shard_writers:
            writer.drop()

    @property
    def taken(self) -> int:
        """Images of the stream so far, used or rejected."""
        apart = len(self.held_out.labels) if self.held_out else 0
        return len(self.labels) + apart + len(self.rejected)

    def append(self, block: Block) -> None:
        """Add images at all resolutions, each on the side that it belongs to."""
        if self.held_out is not None:
            out = self.split.held_out(block.levels[0])
            self.held_out.append(some_of(block, out))
            block = some_of(block, ~out)
        for writer, images in zip(self.writers, block.levels, strict=True):
            writer.append(images)
        self.labels += block.labels
        self.captions += block.captions

    def progress(self) -> Progress:
        """How far it is, with all of that on the disk."""
        marks = [writer.mark() for writer in self.writers]
        apart = self.held_out.progress() if self.held_out else None
        return Progress(self.labels, self.captions, self.rejected, marks, apart)

    @property
    def hashes(self) -> dict[str, str]:
        """Return the hashes of all closed shards, by their place in a data set."""
        own = {
            f"{writer.folder.name}/{shard:05d}.npy": known
            for writer in self.writers
            for shard, known in enumerate(writer.hashes)
        }
        apart = self.held_out.hashes if self.held_out else {}
        return own | {f"{HELD_OUT}/{name}": known for name, known in apart.items()}


def some_of(block: Block, chosen: NDArray[np.bool_]) -> Block:
    """Return the images of a block that are chosen."""
    labels, captions = ([*compress(texts, chosen)] for texts in (block.labels, block.captions))
    return Block([images[chosen] for images in block.levels], labels, captions)


def write(
    blocks: Iterable[Block],
    folder: Path,
    resolution: int,
    rejected: Rejections,
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
    with naming_full_disk(folder):
        with SetWriter(folder, resolution) as writer:
            writer.rejected = rejected
            for block in blocks:
                writer.append(block)
        return write_manifest(folder, writer, classes)


def none_readable(rejected: Rejections, files: int) -> UsageError:
    """The error that names the first of so many files, none of which gives an image."""
    first = "; ".join(f"{name!r}: {reason}" for name, reason in rejected[:SHOWN])
    return UsageError(f"no readable image among {counted(files, 'file')}{first and f' ({first})'}")


def write_manifest(folder: Path, writer: SetWriter, classes: Sequence[str] = ()) -> dict[str, Any]:
    """State what was written, and now is in `folder`, with the hash of every array."""
    labels, rejected = writer.labels, writer.rejected
    if not labels and writer.taken > len(rejected):
        raise UsageError("dataset.held_out: it takes all of these few images; set it to 0")
    if not labels:
        raise none_readable(rejected, len(rejected))
    classes = classes or sorted(set(labels))
    counts = Counter(labels)
    numbers = {label: number for number, label in enumerate(classes)}
    write_array(folder / "labels.npy", np.array([numbers[label] for label in labels], np.int64))
    if writer.captions:
        write_array(folder / CAPTIONS, np.array([text.encode() for text in writer.captions]))
    arrays = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*.npy"))}
    hashes = writer.hashes
    manifest = {
        "count": len(labels),
        "channels": writer.writers[0].shape[2],
        "labels": list(classes) if len(classes) > 1 else [],
        "per_label": {label: counts[label] for label in classes},
        "arrays": {
            name: {
                "shape": np.load(file, mmap_mode="r").shape,
                "sha256": hashes.get(name) or sha256_file(file),
            }
            for name, file in arrays.items()
        },
        "notes": writer.notes,
        "rejected": [{"file": name, "reason": reason} for name, reason in rejected],
    }
    if writer.captions:
        manifest["captions"] = len({*writer.captions})
    if writer.held_out is not None:
        manifest[HELD_OUT] = len(writer.held_out.labels)
    write_set(folder, manifest)
    return manifest


def write_set(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest to a folder that has the arrays, and seal it."""
    write_json(folder / MANIFEST, manifest)
    known = {name: array["sha256"] for name, array in manifest["arrays"].items()}
    sealed.seal(folder, known=known)
