"""What a user's files say of images, by their names: labels, boxes, and which of them are meant.

    labels   CSV name,label; JSON {"labels": [[name, 3], ...]} of the official tools, {name: label}
    boxes    CSV name,left,top,width,height in whole pixels of the upright image
    list     a name a line

Labels that all are whole numbers are written so that they sort as the numbers do.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pgpipe.data import tables
from pgpipe.data.blaming import blaming
from pgpipe.data.config import DatasetSection
from pgpipe.data.items import numbered
from pgpipe.data.square import Box
from pgpipe.errors import UsageError

BOX = ("left", "top", "width", "height")

T = TypeVar("T")


class Annotations(NamedTuple):
    """None: as the source has it."""

    labels: dict[str, str] | None = None
    boxes: dict[str, Box] | None = None
    names: frozenset[str] | None = None
    files: frozenset[str] = frozenset()  # the names of these files themselves


def read(dataset: DatasetSection, raw: Path) -> Annotations:
    """The files that the parameters name.

    Raises:
        UsageError: one is not there, names an image twice, or a value is not what it has to be.
        IntegrityError: one cannot be read as what its name says.
    """
    files = dataset.tables

    def text(key: str) -> str:
        data = tables.read(raw, files[key])
        with blaming(Path(files[key]), "text in UTF-8"):
            return data.decode("utf-8-sig")

    return Annotations(
        labels_of(files["labels"], text("labels")) if "labels" in files else None,
        boxes_of(files["boxes"], text("boxes")) if "boxes" in files else None,
        frozenset(names_of(files["list"], text("list"))) if "list" in files else None,
        frozenset(files.values()),
    )


def labels_of(file: str, text: str) -> dict[str, str]:
    """Labels as text, by name."""
    pairs = json_labels(file, text) if file.endswith(".json") else csv_labels(file, text)
    labels = unique(file, pairs)
    numbers = [label for label in labels.values() if label.isascii() and label.isdecimal()]
    if len(numbers) < len(labels):
        return labels
    with blaming(Path(file), "table of labels"):
        texts = numbered(np.array([int(label) for label in numbers], np.int64))
    return dict(zip(labels, texts, strict=True))


def csv_labels(file: str, text: str) -> Iterator[tuple[str, str]]:
    """Names and labels of the rows name,label."""
    for name, (label,) in rows(file, text, ("label",)):
        yield name, label


def json_labels(file: str, text: str) -> Iterator[tuple[str, str]]:
    """Names and labels of either form."""
    with blaming(Path(file), "JSON file"):
        content = json.loads(text, object_pairs_hook=lambda pairs: pairs)
        if not isinstance(content, list) or not all(isinstance(pair, tuple) for pair in content):
            raise ValueError("no object of names with labels")
    official = [value for key, value in content if key == "labels" and isinstance(value, list)]
    for pair in official[0] if official else content:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise UsageError(f"{file}: {pair!r} is not a name with a label")
        name, label = pair
        whole = isinstance(label, int) and not isinstance(label, bool) and label >= 0
        if not whole and not isinstance(label, str):
            raise UsageError(f"{file}: {name!r}: label {label!r} is neither text nor 0, 1, ...")
        yield name, str(label)


def boxes_of(file: str, text: str) -> dict[str, Box]:
    """Boxes by name."""

    def boxes() -> Iterator[tuple[str, Box]]:
        for name, values in rows(file, text, BOX):
            if not all(value.isascii() and value.isdecimal() for value in values):
                raise UsageError(f"{file}: {name!r}: {','.join(values)} are not whole pixels")
            box = Box(*map(int, values))
            if not box.width or not box.height:
                raise UsageError(f"{file}: {name!r}: a box without pixels")
            yield name, box

    return unique(file, boxes())


def names_of(file: str, text: str) -> dict[str, None]:
    """The names of a list; empty lines are none."""
    return unique(file, ((line.strip(), None) for line in text.splitlines() if line.strip()))


def rows(file: str, text: str, columns: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """The name and the other columns of each row of a CSV file with a header."""
    with blaming(Path(file), "CSV file"):
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        wanted = ("name", *columns)
        if missing := set(wanted) - set(reader.fieldnames or ()):
            raise UsageError(
                f"{file}: no column {sorted(missing)[0]!r}, expected {','.join(wanted)}"
            )
        for row in reader:
            values = [row[column] for column in wanted]
            if None in values:
                raise UsageError(f"{file}: line {reader.line_num} has too few columns")
            yield values[0], values[1:]


def unique(file: str, pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Values by name; UsageError where a name comes twice."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise UsageError(f"{file}: {name!r} is in it twice")
        found[name] = value
    return found
