"""What a user's files say of images, by their names: labels, boxes, and which of them are meant.

    captions CSV name,text
    labels   CSV name,label; JSON {"labels": [[name, 3], ...]} of the official tools, {name: label}
    boxes    CSV name,left,top,width,height in whole pixels of the upright image
    list     a name a line

Names count from the folder that the file lies in, from the top of the set, or from the folder that
holds all images: whichever fits all of them; with the endings of images or without. Columns may be
separated by comma, semicolon, tab or spaces; their names may have capitals. An empty label, and
null, is none. Labels that all are whole numbers are written so that they sort as the numbers do.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from os.path import commonpath
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pgpipe.data.config import DatasetSection
from pgpipe.data.reading import bounds, rawzip, tables
from pgpipe.data.reading.blaming import blaming
from pgpipe.data.reading.items import numbered
from pgpipe.data.reading.layouts import IMAGE
from pgpipe.data.reading.square import Box
from pgpipe.errors import IntegrityError, UsageError

BOX = ("left", "top", "width", "height")
PIXELS = re.compile("[0-9]{1,9}")
SHOWN = 40  # characters of a value that an error repeats
LONGEST_CAPTION = 500  # characters
LONGEST_NAME = 4096  # no path is longer, and ordering accents takes the square of their number
SEPARATORS = (",", ";", "\t", " ")
BYTE_ORDERS = (b"\xff\xfe", b"\xfe\xff")  # marks of UTF-16, as spreadsheets save it

T = TypeVar("T")


class Annotations(NamedTuple):
    """Labels and boxes by the names in the files; None: as the source has them."""

    labels: dict[str, str] | None = None
    captions: dict[str, str] | None = None
    boxes: dict[str, Box] | None = None
    names: dict[str, None] | None = None
    folders: Mapping[str, str] = {}  # where each of these files lies in the set, by its name


def read(dataset: DatasetSection, raw: Path) -> Annotations:
    """The files that the parameters name.

    Raises:
        UsageError: one is not there, names an image twice, or a value is not what it has to be.
        IntegrityError: one cannot be read as what its name says.
    """
    files = dataset.tables
    found = {key: tables.read(raw, name) for key, name in files.items()}
    texts = {key: text_of(files[key], table.data) for key, table in found.items()}
    return Annotations(
        labels_of(files["labels"], texts["labels"]) if "labels" in files else None,
        captions_of(files["captions"], texts["captions"]) if "captions" in files else None,
        boxes_of(files["boxes"], texts["boxes"]) if "boxes" in files else None,
        names_of(files["list"], texts["list"]) if "list" in files else None,
        {files[key]: table.folder for key, table in found.items()},
    )


def official(raw: Path) -> Annotations | None:
    """The labels of the set's own dataset.json, if it has one as the official tools write it."""
    try:
        table = tables.read(raw, tables.OFFICIAL)
        text = text_of(tables.OFFICIAL, table.data)
        content = json.loads(text)
    except (UsageError, IntegrityError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not isinstance(
        content.get("labels", 0), (list, dict, type(None))
    ):
        return None
    folders = {tables.OFFICIAL: table.folder}
    return Annotations(labels=labels_of(tables.OFFICIAL, text), folders=folders)


def text_of(file: str, data: bytes) -> str:
    """The text of a file."""
    with blaming(Path(file), "text in UTF-8"):
        return data.decode("utf-16" if data.startswith(BYTE_ORDERS) else "utf-8-sig")


def plain(name: str) -> str:
    """A name as it compares: folders by slashes, one form of each accented letter."""
    text = "/".join(rawzip.parts(name))
    return text if len(text) > LONGEST_NAME else unicodedata.normalize("NFC", text)


def fitted(
    values: Mapping[str, object], file: str, folder: str, images: Collection[str]
) -> dict[str, str]:
    """Which name in a file, that lies in `folder` of the set, is that of each image.

    Counted in the way that fits the most images; those without a name are missing.

    Raises:
        UsageError: no image has one.
    """
    known, names = {plain(name): name for name in values}, {image: plain(image) for image in images}
    best = placed(known, names, folder)
    if len(best) < len(names):  # samples of shards have no ending, names in a list may have none
        bare = {IMAGE.sub("", name): given for name, given in known.items()}
        stems = {image: IMAGE.sub("", name) for image, name in names.items()}
        if len(bare) == len(known) and len({*stems.values()}) == len(stems):
            best = max(best, placed(bare, stems, folder), key=len)
    if known and names and not best:
        raise UsageError(
            f"{file}: none of its {len(known):,} names is that of an image: it has "
            f"{next(iter(values))!r}, and the images have names such as {next(iter(names))!r}"
        )
    return best


def placed(known: Mapping[str, str], names: Mapping[str, str], folder: str) -> dict[str, str]:
    """The same, of names that compare as they are."""
    ways = (
        {
            image: known[name.removeprefix(start)]
            for image, name in names.items()
            if name.startswith(start) and name.removeprefix(start) in known
        }
        for start in dict.fromkeys((folder, "", common_folder(names.values())))
    )
    return max(ways, key=len)


def common_folder(names: Iterable[str]) -> str:
    """The folder that all names lie in, with a slash at its end; "" if it is the top."""
    folders = {name.rpartition("/")[0] for name in names}
    folder = commonpath(folders) if folders else ""
    return f"{folder}/" if folder else ""


def labels_of(file: str, text: str) -> dict[str, str]:
    """Labels as text, by name; "" for none."""
    pairs = json_labels(file, text) if file.endswith(".json") else csv_labels(file, text)
    labels = unique(file, pairs)
    stated = {name: label for name, label in labels.items() if label}
    if not all(label.isascii() and label.isdecimal() for label in stated.values()):
        return labels
    with blaming(Path(file), "table of labels"):
        texts = numbered(np.array([int(label) for label in stated.values()], np.int64))
    return labels | dict(zip(stated, texts, strict=True))


def csv_labels(file: str, text: str) -> Iterator[tuple[str, str]]:
    """Names and labels of the rows name,label."""
    for name, (label,) in rows(file, text, ("label",)):
        yield name, label


def json_labels(file: str, text: str) -> Iterator[tuple[str, str]]:
    """Names and labels of either form; {"labels": null} has none."""
    with blaming(Path(file), "JSON file"):
        content = json.loads(text, object_pairs_hook=lambda pairs: pairs)
        if not isinstance(content, list) or not all(isinstance(pair, tuple) for pair in content):
            raise ValueError("no object of names with labels")
    if ("labels", None) in content:
        return
    official = [value for key, value in content if key == "labels" and isinstance(value, list)]
    for pair in official[0] if official else content:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise UsageError(f"{file}: {pair!r} is not a name with a label")
        name, label = pair
        whole = isinstance(label, int) and not isinstance(label, bool) and label >= 0
        if not whole and not isinstance(label, str) and label is not None:
            raise UsageError(f"{file}: {name!r}: label {label!r} is neither text nor 0, 1, ...")
        yield name, "" if label is None else str(label).strip()


def captions_of(file: str, text: str) -> dict[str, str]:
    """Return the captions by the names of the images, with single blanks between words."""

    def captions() -> Iterator[tuple[str, str]]:
        for name, (stated,) in rows(file, text, ("text",)):
            caption = " ".join(stated.split())
            if not caption:
                raise UsageError(f"{file}: {name!r}: no text")
            if len(caption) > LONGEST_CAPTION:
                raise UsageError(
                    f"{file}: {name!r}: {len(caption):,} characters of text, at most "
                    f"{LONGEST_CAPTION} are read"
                )
            if "\0" in caption:
                raise UsageError(f"{file}: {name!r}: its text has a NUL")
            yield name, caption

    return unique(file, captions())


def boxes_of(file: str, text: str) -> dict[str, Box]:
    """Return the boxes by the names of the images."""

    def boxes() -> Iterator[tuple[str, Box]]:
        for name, values in rows(file, text, BOX):
            if not all(PIXELS.fullmatch(value) for value in values):
                told = ",".join(value[:SHOWN] for value in values)
                raise UsageError(f"{file}: {name!r}: {told} are not whole pixels")
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
        header, lines = table(file, text, ("name", *columns))
        places = [header.index(name) for name in ("name", *columns)]
        for line, row in lines:
            if len(row) <= max(places):
                raise UsageError(f"{file}: line {line} has too few columns")
            if any(row[len(header) :]):
                raise UsageError(f"{file}: line {line} has too many columns; put names in quotes")
            values = [row[place].strip() for place in places]
            yield values[0], values[1:]


def table(
    file: str, text: str, wanted: tuple[str, ...]
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The names of the columns, and the rows with their lines, however they are separated."""
    found: list[str] = []
    for separator in SEPARATORS:
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
        )
        with suppress(csv.Error):  # of quotes that another separator follows
            header = [name.strip().lower() for name in next(filter(any, reader), [])]
            if set(wanted) <= {*header}:
                return header, ((reader.line_num, row) for row in reader if any(row))
            found = max(found, header, key=len)
    missing = next(name for name in wanted if name not in found)
    columns = ", ".join(map(repr, found)) or "nothing"
    raise UsageError(
        f"{file}: no column {missing!r}: its first line has {columns}, expected {','.join(wanted)}"
    )


def unique(file: str, pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Values by name; UsageError where a name comes twice, IntegrityError for too many."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise UsageError(f"{file}: {name!r} is in it twice")
        if len(found) == bounds.TABLE_ROWS:
            raise IntegrityError(f"{file}: at most {bounds.TABLE_ROWS:,} names are read")
        found[name] = value
    return found
