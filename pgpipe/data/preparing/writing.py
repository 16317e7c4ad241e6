"""The writer of `data/multires`: all resolutions of a stream of images in one pass."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from pgpipe.data.feeding.multires import MANIFEST, Block, sizes
from pgpipe.data.preparing.shards import START, Mark, ShardWriter
from pgpipe.errors import UsageError
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
    rejected: Sequence[tuple[str, str]] = ()
    shards: Sequence[Mark] = ()


NOTHING = Progress()


class SetWriter:
    """Appends blocks at every resolution; a context that closes the shards at its end."""

    def __init__(self, folder: Path, resolution: int, progress: Progress = NOTHING) -> None:
        """Write shards to `folder`, or go on there.

        Raises:
            IntegrityError: what is in `folder` is not what `progress` says.
        """
        self.labels = [*progress.labels]
        self.rejected: Rejections = [*progress.rejected]  # grows while blocks are read
        self.notes: list[str] = []  # what somebody should know of the set
        self.writers: list[ShardWriter] = []
        marks = progress.shards or [START] * len(sizes(resolution))
        try:
            for size, mark in zip(sizes(resolution), marks, strict=True):
                self.writers.append(ShardWriter(folder / f"r{size}", mark=mark))
        except BaseException:
            self.drop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            for writer in self.writers:
                writer.close()
        self.drop()

    def drop(self) -> None:
        """Leave the open shards as they are."""
        for writer in self.writers:
            writer.drop()

    @property
    def taken(self) -> int:
        """Images of the stream so far, used or rejected."""
        return len(self.labels) + len(self.rejected)

    def append(self, block: Block) -> None:
        """Add images at all resolutions."""
        for writer, images in zip(self.writers, block.levels, strict=True):
            writer.append(images)
        self.labels += block.labels

    def progress(self) -> Progress:
        """How far it is, with all of that on the disk."""
        marks = [writer.mark() for writer in self.writers]
        return Progress(self.labels, self.rejected, marks)

    @property
    def hashes(self) -> dict[str, str]:
        """Return the hashes of all closed shards, by their place in a data set."""
        return {
            f"{writer.folder.name}/{shard:05d}.npy": known
            for writer in self.writers
            for shard, known in enumerate(writer.hashes)
        }


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
    if not labels:
        raise none_readable(rejected, len(rejected))
    classes = classes or sorted(set(labels))
    counts = Counter(labels)
    numbers = {label: number for number, label in enumerate(classes)}
    write_array(folder / "labels.npy", np.array([numbers[label] for label in labels], np.int64))
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
    write_set(folder, manifest)
    return manifest


def write_set(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest to a folder that has the arrays, and seal it."""
    write_json(folder / MANIFEST, manifest)
    known = {name: array["sha256"] for name, array in manifest["arrays"].items()}
    sealed.seal(folder, known=known)
