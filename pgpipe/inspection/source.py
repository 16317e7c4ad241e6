"""The images of the data set that params.yaml names, from where they lie; nothing is fetched.

The user's files are read in place, as `prepare` would read the copy that `download` makes of them.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pgpipe.data import annotations, choice, tables
from pgpipe.data.config import MADE, DatasetSection
from pgpipe.data.items import Item
from pgpipe.data.pyramid import rounded
from pgpipe.data.sources import catalogue
from pgpipe.data.sources.source import Made, Place
from pgpipe.data.sources.table import source as source_of
from pgpipe.data.squares import Boxes
from pgpipe.errors import PgpipeError, UsageError
from pgpipe.fetch.transfer import Report
from pgpipe.project import folder_for_much


class Opened(NamedTuple):
    """Published images with their labels and names, and the boxes that are cut from them."""

    items: Iterator[Item]
    boxes: Boxes | None = None


@contextmanager
def opened(dataset: DatasetSection, raw: Path) -> Iterator[Opened]:
    """A context of the images that the parameters choose.

    `raw` is where `download` leaves what it fetched.

    Raises:
        UsageError: they are not there; says what to put where, or what to run.
        IntegrityError: an archive is damaged.
    """
    catalogue.require_path(dataset.name, dataset.location)
    with TemporaryDirectory(".tmp", ".pgpipe-", folder_for_much()) as scratch:
        try:
            yield read(dataset, raw, Path(scratch))
        except (PermissionError, FileNotFoundError) as error:
            message = f"{error.filename}: {error.strerror}"
            raise UsageError(by_own_names(message, Path(scratch))) from None
        except PgpipeError as error:
            raise type(error)(by_own_names(str(error), Path(scratch))) from None


def by_own_names(message: str, scratch: Path) -> str:
    """A message with the user's files in place of the links to them."""
    for link in scratch.iterdir():
        if link.is_symlink():
            message = message.replace(str(link), str(link.readlink()))
    return message


def as_read(dataset: DatasetSection) -> DatasetSection:
    """The section with the crop policy that its images really get: none, where they are made."""
    return dataset.model_copy(update={"crop": "center"}) if dataset.name in MADE else dataset


def read(dataset: DatasetSection, raw: Path, scratch: Path) -> Opened:
    """The images of the user's files, or of those that were fetched; `scratch` receives links.

    Those that are made here come as pixels.
    """
    source, place = source_of(dataset.name), place_of(dataset, raw)
    source.fetch(Place(dataset.name, place, scratch, refuse, linked=True))
    if isinstance(source, Made):
        made = source.read(scratch, dataset)
        return Opened((rounded(image, 1), label, name) for image, label, name in made)
    if dataset.tables:
        tables.fetch(place, scratch)
    notes = annotations.read(dataset, scratch)
    return Opened(choice.chosen(lambda: source.read(scratch), dataset, notes), notes.boxes)


def place_of(dataset: DatasetSection, raw: Path) -> Path:
    """`raw` where it holds the files of this very set, by name and size; else the user's."""
    entry = catalogue.entries()[dataset.name]
    held = [(raw / name, file.size) for name, file in entry.files.items()]
    fetched = all(path.is_file() and path.stat().st_size == size for path, size in held)
    return raw if fetched and held and not entry.by_hand else dataset.location


def refuse(file: str, _size: int) -> AbstractContextManager[Report]:
    """In place of a download."""
    raise UsageError(
        f"{file} is neither fetched yet nor in dataset.path; run `dvc repro download`, then again"
    )
