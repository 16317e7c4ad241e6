"""A look at some images: a row of facts, a square, a label and a name of each."""

import hashlib
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.config import DatasetSection
from pgpipe.data.preparing.pyramid import rounded
from pgpipe.data.preparing.squares import Batch, Boxes, is_large, square_of
from pgpipe.data.preparing.writing import Rejections
from pgpipe.data.reading.decode import Rejected
from pgpipe.data.reading.items import Item
from pgpipe.images import SHEET_TILE, Images
from pgpipe.inspection.kinds import Kind, header
from pgpipe.inspection.likeness import hashes

FACTS = np.dtype(
    [
        ("width", np.uint32),  # of the image, or of its box
        ("height", np.uint32),
        ("usable", np.bool_),  # the crop policy takes it
        ("content", np.uint64, 2),  # of the SHA-256 of the file, or of its pixels
        ("likeness", np.uint64),  # of the square
    ]
)
Facts = NDArray[np.void]  # of FACTS


class Found(NamedTuple):
    """What a look at a batch found; the squares of the images are in the slot, in order."""

    images: int  # of the batch
    bytes: int
    facts: Facts  # of the images that can be decoded
    names: list[str]
    labels: list[str]
    kinds: Counter[Kind]
    rejected: Rejections


def reduced(dataset: DatasetSection) -> DatasetSection:
    """The section with the resolution of the squares that a look makes."""
    return dataset.model_copy(update={"resolution": min(dataset.resolution, SHEET_TILE)})


def look(
    batch: Batch,
    slot: Images,
    dataset: DatasetSection,
    alone: AbstractContextManager[Any],
    boxes: Boxes | None = None,
) -> Found:
    """Look at some images; squares of `dataset.resolution` go into `slot`."""
    squares = slot.reshape(-1, dataset.resolution, dataset.resolution, dataset.channels)
    found = Found(
        len(batch), sum(map(size, batch)), np.zeros(len(batch), FACTS), [], [], Counter(), []
    )
    for image, own, given in batch:
        label, name = utf_8(own), utf_8(given)
        number = len(found.names)
        with alone if is_large(image) else nullcontext():
            readable, reason = made(image, given, dataset, boxes, squares[number])
        if reason:
            found.rejected.append((name, reason))
        if readable:
            kind, *shape = header(image)
            width, height = boxes[given][2:] if boxes else shape
            found.facts[number] = (width, height, not reason, content(image), 0)
            found.kinds[kind] += 1
            found.names.append(name)
            found.labels.append(label)
    facts = found.facts[: len(found.names)]
    facts["likeness"] = hashes(squares[: len(facts)])
    return found._replace(facts=facts)


def made(
    image: bytes | Images,
    name: str,
    dataset: DatasetSection,
    boxes: Boxes | None,
    square: Images,
) -> tuple[bool, str]:
    """Write an image's square; whether it can be decoded, and why it gives none, if so."""
    try:
        square[:] = rounded(square_of(image, name, dataset, boxes), 1)
    except Rejected as verdict:
        return False, verdict.reason
    except ValueError as error:  # of the crop policy
        return True, str(error)
    return True, ""


def utf_8(text: str) -> str:
    """A text of an archive, with what is no character written out."""
    return text.encode(errors="backslashreplace").decode()


def size(item: Item) -> int:
    """Bytes of an image as it is published."""
    return len(item[0]) if isinstance(item[0], bytes) else item[0].nbytes


def content(image: bytes | Images) -> tuple[int, int]:
    """Half of the SHA-256 of a file, or of pixels and their shape."""
    data = image if isinstance(image, bytes) else str(image.shape).encode() + image.tobytes()
    digest = hashlib.sha256(data).digest()
    return int.from_bytes(digest[:8]), int.from_bytes(digest[8:16])
