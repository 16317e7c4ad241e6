"""One look at each image, in several processes, that keeps few bytes of it.

An image leaves a row of facts, its label and its name; its square goes into the contact sheet or is
forgotten. So a set of any size takes about 50 bytes an image here, and names go to the disk.
"""

import hashlib
import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing import get_context
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.config import DatasetSection
from pgpipe.data.decode import Rejected
from pgpipe.data.items import Item
from pgpipe.data.pyramid import rounded
from pgpipe.data.squares import Batch, Rejections, batches, is_large, square_of
from pgpipe.data.workers import Workers
from pgpipe.files import folder_for_much
from pgpipe.images import SHEET_COLUMNS, SHEET_ROWS, SHEET_TILE, Images
from pgpipe.inspection.kinds import Kind, header
from pgpipe.inspection.likeness import hashes

BATCH_IMAGES = 128
SHEET = SHEET_ROWS * SHEET_COLUMNS
LISTED = 1000  # rejected files that are named
FACTS = np.dtype(
    [
        ("width", np.uint32),
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


class Names:
    """Many names, in a file that has none."""

    def __init__(self) -> None:
        self.file = TemporaryFile(dir=folder_for_much())  # noqa: SIM115 - ends with this object
        self.ends = array("Q", [0])

    def append(self, name: str) -> None:
        """Add one more."""
        self.ends.append(self.ends[-1] + self.file.write(name.encode()))

    def __getitem__(self, number: int) -> str:
        start, end = self.ends[number], self.ends[number + 1]
        self.file.seek(start)
        return self.file.read(end - start).decode()


class Seen:
    """All that was found so far."""

    def __init__(self) -> None:
        self.facts: list[Facts] = []
        self.names = Names()
        self.classes: dict[str, int] = {}  # numbers of labels in the order of their first image
        self.labels = array("I")
        self.kinds: Counter[Kind] = Counter()
        self.rejected: Rejections = []  # the first of them
        self.reasons: Counter[str] = Counter()
        self.images = self.bytes = 0
        self.sheet: dict[tuple[int, ...], tuple[int, Images]] = {}  # content: number, square
        self.highest: tuple[int, ...] = ()  # content in the sheet, once that is full

    def add(self, found: Found, squares: Images) -> None:
        """Take over what a batch gave: uint8 [n, S, S, C] beside the rest."""
        start = len(self.labels)
        for number in np.flatnonzero(found.facts["usable"]):
            content = tuple(found.facts["content"][number].tolist())
            self.show(content, start + int(number), squares[number])
        for name, label in zip(found.names, found.labels, strict=True):
            self.names.append(name)
            self.labels.append(self.classes.setdefault(label, len(self.classes)))
        self.facts.append(found.facts)
        self.kinds += found.kinds
        self.reasons.update(reason for _, reason in found.rejected)
        self.rejected += found.rejected[: LISTED - len(self.rejected)]
        self.images += found.images
        self.bytes += found.bytes

    def show(self, content: tuple[int, ...], number: int, square: Images) -> None:
        """Keep the squares of the lowest hashes: a random choice, whatever the images' order."""
        if self.highest and content >= self.highest:
            return
        self.sheet[content] = number, square.copy()
        if len(self.sheet) > SHEET:
            del self.sheet[max(self.sheet)]
        if len(self.sheet) == SHEET:
            self.highest = max(self.sheet)

    def squares(self) -> list[Images]:
        """Those of the contact sheet, in the order of the images."""
        return [square for _, square in sorted(self.sheet.values(), key=lambda kept: kept[0])]


def see(
    items: Iterator[Item],
    dataset: DatasetSection,
    report: Callable[[int], object],
    processes: int = 0,
) -> Seen:
    """Look at all images in so many processes (0: one for each core); `report` hears how many.

    Raises:
        ResourceError: a process died.
    """
    seen, small = Seen(), reduced(dataset)
    shape = (small.resolution, small.resolution, small.channels)
    work = partial(look, dataset=small, alone=get_context("fork").Lock())
    with Workers[Batch, Found](work, BATCH_IMAGES * math.prod(shape), processes) as workers:
        for found, slot in workers.results(batches(items, BATCH_IMAGES)):
            seen.add(found, slot.reshape(-1, *shape))
            report(seen.images)
    return seen


def reduced(dataset: DatasetSection) -> DatasetSection:
    """The section with the resolution of the squares that a look makes."""
    return dataset.model_copy(update={"resolution": min(dataset.resolution, SHEET_TILE)})


def look(
    batch: Batch, slot: Images, dataset: DatasetSection, alone: AbstractContextManager[Any]
) -> Found:
    """Look at some images; squares of `dataset.resolution` go into `slot`."""
    squares = slot.reshape(-1, dataset.resolution, dataset.resolution, dataset.channels)
    found = Found(
        len(batch), sum(map(size, batch)), np.zeros(len(batch), FACTS), [], [], Counter(), []
    )
    for image, *texts in batch:
        label, name = map(utf_8, texts)
        number = len(found.names)
        with alone if is_large(image) else nullcontext():
            readable, reason = made(image, name, dataset, squares[number])
        if reason:
            found.rejected.append((name, reason))
        if readable:
            kind, width, height = header(image)
            found.facts[number] = (width, height, not reason, content(image), 0)
            found.kinds[kind] += 1
            found.names.append(name)
            found.labels.append(label)
    facts = found.facts[: len(found.names)]
    facts["likeness"] = hashes(squares[: len(facts)])
    return found._replace(facts=facts)


def made(
    image: bytes | Images, name: str, dataset: DatasetSection, square: Images
) -> tuple[bool, str]:
    """Write an image's square; whether it can be decoded, and why it gives none, if so."""
    try:
        square[:] = rounded(square_of(image, name, dataset), 1)
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
