"""TFRecords of the paper's TensorFlow code (its dataset_tool.py), read without TensorFlow.

A file a resolution, NAME-rLL.tfrecords with 2^LL pixels; a record is an Example with `shape`
[C, H, W] and `data`, its uint8 pixels. NAME-rxx.labels is a .npy of one-hot rows. The file with the
most pixels is read. Framing: length (uint64), its masked CRC-32C, data, their masked CRC-32C.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from crc32c import crc32c
from numpy.typing import NDArray

from pgpipe.data.reading import bounds
from pgpipe.data.reading.blaming import blaming
from pgpipe.data.reading.items import Item, channels_last, numbered, upright
from pgpipe.data.sources.example import features
from pgpipe.data.sources.obtain import own
from pgpipe.data.sources.raw import several
from pgpipe.data.sources.source import Place, Source
from pgpipe.images import Images

MASK = 0xA282EAD8


def fetch(place: Place) -> None:
    """The largest of the user's TFRecord files, and the labels."""
    if place.path.is_dir():
        file = largest(place.path)
        for labels in place.path.glob("*.labels"):
            own(place._replace(path=labels), "*.labels")
        place = place._replace(path=file)
    own(place, "*.tfrecords")


def read(raw: Path) -> Iterator[Item]:
    """The images of the largest file, with their labels, if there are any."""
    path = largest(raw)
    labels = read_labels(raw)
    number = 0
    with blaming(path, "TFRecord file"), path.open("rb") as file:
        for record in records(file):
            if labels and number >= len(labels):
                raise ValueError(f"more images than {len(labels)} labels")
            yield image(record), labels[number] if labels else "", f"{path.stem}/{number:07d}"
            number += 1
        if labels and number != len(labels):
            raise ValueError(f"{number} images with {len(labels)} labels")


def largest(folder: Path) -> Path:
    """The file of the largest images, which is the largest file."""
    return max(several(folder, "*.tfrecords"), key=lambda path: path.stat().st_size)


def records(file: IO[bytes]) -> Iterator[bytes]:
    """The records of a file; ValueError where one is damaged or cut off."""
    while header := file.read(12):
        length = struct.unpack("<Q", checked(header, 8))[0]
        bounds.require_item(length, "a record of ")
        yield checked(file.read(length + 4), length)


def checked(data: bytes, length: int) -> bytes:
    """The bytes before a masked checksum, which has to be theirs."""
    if len(data) != length + 4:
        raise ValueError("the last record is cut off")
    content, crc = data[:-4], crc32c(data[:-4])
    masked = ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF
    if masked != int.from_bytes(data[-4:], "little"):
        raise ValueError("a record is damaged (CRC-32C)")
    return content


def image(record: bytes) -> Images:
    """uint8 [H, W, C] of an Example."""
    found = features(record)
    shape, data = found.get("shape"), found.get("data")
    if not isinstance(shape, list) or not isinstance(data, bytes) or len(shape) != 3:
        raise ValueError(f"a record without shape and data: {sorted(found)}")
    if shape[0] not in (1, 3) or shape[1] != shape[2]:
        raise ValueError(f"images of shape {shape} are not [C, H, H]")
    channels_last((*shape[1:], shape[0]))  # the cap on pixels
    return upright(np.frombuffer(data, np.uint8).reshape(shape), (1, 2, 0))


def read_labels(folder: Path) -> list[str]:
    """The classes of the images by number, none where there is no file of labels."""
    files = sorted(folder.glob("*.labels"))
    if not files:
        return []
    with blaming(files[0], "array of labels"):
        rows: NDArray[np.float32] = np.load(files[0], mmap_mode="r", allow_pickle=False)
        if rows.ndim != 2 or not np.issubdtype(rows.dtype, np.number):
            raise ValueError(f"{rows.dtype} {rows.shape} is no row of numbers for each image")
        if rows.shape[1] < 2:
            return []
        return numbered(rows.argmax(axis=1))


SOURCE = Source(fetch, read)
