"""Folders and zips of image files: a user's own, and CelebA's as it is published."""

from collections.abc import Iterator
from pathlib import Path

from pgpipe.data.reading import folder, rawzip
from pgpipe.data.reading.items import Item
from pgpipe.data.reading.layouts import Layout
from pgpipe.data.sources.obtain import published, taken
from pgpipe.data.sources.raw import only
from pgpipe.data.sources.source import Place, Source


def fetch_folder(place: Place) -> None:
    """The user's folder or zip, packed."""
    (folder.link if place.linked else folder.fetch)(place.path, place.raw / rawzip.NAME)


def read_folder(raw: Path) -> Iterator[Item]:
    """A folder or zip of the user's, as `pgpipe.data.reading.folder` has packed it."""
    return folder.read(raw / rawzip.NAME)


def read_zip(raw: Path) -> Iterator[Item]:
    """The only zip of a published set, such as CelebA's: labels are folders, if there are any."""
    return folder.read(only(raw, "*.zip"))


def survey_folder(raw: Path) -> Layout:
    """Names and labels of what `fetch_folder` left."""
    return folder.survey(raw / rawzip.NAME)


def survey_zip(raw: Path) -> Layout:
    """Names and labels of the only zip."""
    return folder.survey(only(raw, "*.zip"))


FOLDER = Source(fetch_folder, read_folder, survey_folder)
ZIP = Source(taken("*.zip"), read_zip, survey_zip)
CELEBA = Source(published, read_zip, survey_zip)
