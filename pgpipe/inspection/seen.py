"""One look at every image, in several processes, that keeps few bytes of each.

Its square goes into the contact sheet or is forgotten, its name goes to the disk. So a set of any
size takes about 50 bytes an image here.
"""

import math
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from tempfile import TemporaryFile

import numpy as np

from pgpipe.data.config import DatasetSection
from pgpipe.data.preparing.squares import BATCH_BYTES, Batch, Boxes
from pgpipe.data.preparing.workers import Workers
from pgpipe.data.preparing.writing import Rejections
from pgpipe.data.reading.items import Item, batches
from pgpipe.images import SHEET_COLUMNS, SHEET_ROWS, Images
from pgpipe.inspection.kinds import Kind
from pgpipe.inspection.look import Facts, Found, look, reduced
from pgpipe.plumbing.project import folder_for_much

BATCH_IMAGES = 128
SHEET = SHEET_ROWS * SHEET_COLUMNS
LISTED = 1000  # rejected files that are named
NUMBER = re.compile(r"\d+")


class Names:
    """Many names, in a file that has none."""

    def __init__(self) -> None:
        self.file = TemporaryFile(dir=folder_for_much())  # noqa: SIM115 - ends with this object
        self.ends = array("Q", [0])

    def append(self, name: str) -> None:
        """Add one more image."""
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
        self.reasons: Counter[str] = Counter()  # but for their numbers, else too many differ
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
        self.reasons.update(NUMBER.sub("N", reason) for _, reason in found.rejected)
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
    boxes: Boxes | None = None,
) -> Seen:
    """Look at all images in so many processes (0: one for each core); `report` hears how many.

    Raises:
        ResourceError: a process died.
    """
    seen, small = Seen(), reduced(dataset)
    shape = (small.resolution, small.resolution, small.channels)
    work = partial(look, dataset=small, alone=get_context("fork").Lock(), boxes=boxes)
    with Workers[Batch, Found](work, BATCH_IMAGES * math.prod(shape), processes) as workers:
        for found, slot in workers.results(batches(items, BATCH_IMAGES, BATCH_BYTES)):
            seen.add(found, slot.reshape(-1, *shape))
            report(seen.images)
    return seen
