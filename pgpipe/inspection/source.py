"""The images of the data set that params.yaml names, from where they lie; nothing is fetched.

The user's files are read in place, as `prepare` would read the copy that `download` makes of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pgpipe.data.config import MADE, DatasetSection
from pgpipe.data.preparing.pyramid import rounded
from pgpipe.data.preparing.squares import Boxes
from pgpipe.data.reading import apart
from pgpipe.data.reading.items import Item
from pgpipe.data.sources import catalogue
from pgpipe.data.sources.inplace import linked
from pgpipe.data.sources.source import Made
from pgpipe.data.sources.table import source as source_of


class Opened(NamedTuple):
    """Published images with their labels and names, and the boxes that are cut from them."""

    items: Iterator[Item]
    boxes: Boxes | None = None
    notes: Sequence[str] = ()  # what somebody should know of the set


@contextmanager
def opened(dataset: DatasetSection, raw: Path) -> Iterator[Opened]:
    """A context of the images that the parameters choose.

    `raw` is where `download` leaves what it fetched.

    Raises:
        UsageError: they are not there; says what to put where, or what to run.
        IntegrityError: an archive is damaged.
    """
    catalogue.require_path(dataset.name, dataset.location)
    with linked(dataset, place_of(dataset, raw)) as scratch:
        yield read(dataset, scratch)


def as_read(dataset: DatasetSection) -> DatasetSection:
    """The section with the crop policy that its images really get: none, where they are made."""
    return dataset.model_copy(update={"crop": "center"}) if dataset.name in MADE else dataset


def read(dataset: DatasetSection, raw: Path) -> Opened:
    """The images of files in `raw`; those that are made here come as pixels."""
    source = source_of(dataset.name)
    if isinstance(source, Made):
        made = source.read(raw, dataset)
        return Opened((rounded(image, 1), label, name) for image, label, name in made)
    choice, items = apart.opened(source, raw, dataset)
    return Opened(items, choice.boxes, choice.notes)


def place_of(dataset: DatasetSection, raw: Path) -> Path:
    """`raw` where it holds the files of this very set, by name and size; else the user's."""
    entry = catalogue.entries()[dataset.name]
    held = [(raw / name, file.size) for name, file in entry.files.items()]
    fetched = all(path.is_file() and path.stat().st_size == size for path, size in held)
    return raw if fetched and held and not entry.by_hand else dataset.location
