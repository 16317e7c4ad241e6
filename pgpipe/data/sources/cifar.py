"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), training images, binary version.

A record is the label (CIFAR-100: a coarse and a fine one), then 3072 bytes [3, 32, 32]. The other
published version is pickled, and reading pickles runs them.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pgpipe.data.reading import tars
from pgpipe.data.reading.items import Item, items
from pgpipe.data.sources.obtain import published
from pgpipe.data.sources.source import Source
from pgpipe.errors import IntegrityError

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


def read_10(raw: Path) -> Iterator[Item]:
    """50,000 images of ten classes."""
    folder = "cifar-10-batches-bin"
    batches = [f"{folder}/data_batch_{number}.bin" for number in range(1, 6)]
    return read(raw / "cifar-10-binary.tar.gz", batches, f"{folder}/batches.meta.txt", 1)


def read_100(raw: Path) -> Iterator[Item]:
    """50,000 images of a hundred (fine) classes."""
    folder = "cifar-100-binary"
    names = f"{folder}/fine_label_names.txt"
    return read(raw / "cifar-100-binary.tar.gz", [f"{folder}/train.bin"], names, 2)


def read(archive: Path, batches: list[str], names: str, labels: int) -> Iterator[Item]:
    """The records of some members of an archive; the last of their label bytes counts."""
    found = tars.contents(archive, [*batches, names])
    classes = found[names].decode("ascii", "replace").split()
    for batch in batches:
        records = np.frombuffer(found.pop(batch), np.uint8)
        if not len(records) or len(records) % (labels + PIXELS):
            raise IntegrityError(
                f"{archive}: {batch!r}: {len(records)} bytes are not records of {labels + PIXELS}"
            )
        table = records.reshape(-1, labels + PIXELS)
        numbers = table[:, labels - 1]
        if numbers.max() >= len(classes):
            raise IntegrityError(
                f"{archive}: {batch!r}: label {numbers.max()} of {len(classes)} classes"
            )
        images = table[:, labels:].reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
        yield from items(images, [classes[number] for number in numbers], batch)


CIFAR10 = Source(published, read_10)
CIFAR100 = Source(published, read_100)
