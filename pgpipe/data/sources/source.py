"""What a source is: how its files come into data/raw, and how they are read from there."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from pgpipe.data.config import DatasetSection
from pgpipe.data.preparing.pyramid import Sample
from pgpipe.data.reading.items import Item
from pgpipe.data.reading.layouts import Layout

Report = Callable[[int, str], object]  # is told the bytes that have arrived, and what goes on
Watch = Callable[[str, int], AbstractContextManager[Report]]  # shows a download: name, bytes
Arrays = Mapping[str, NDArray[Any]]  # by the name of their file in data/multires


class Place(NamedTuple):
    """A data set, where the user's files of it are, where the raw files go, who watches."""

    name: str
    path: Path
    raw: Path
    watch: Watch
    linked: bool = False  # to look at the user's files where they are, not to keep them
    verify: bool = True  # whether a user's copy of a published file has to be that


class Source(NamedTuple):
    """Images as they were published, or as a user has them: `prepare` makes squares of them."""

    fetch: Callable[[Place], None]  # fills data/raw
    read: Callable[[Path], Iterator[Item]]  # of data/raw
    survey: Callable[[Path], Layout | None] | None = None  # names and labels, without the images
    surveys_all: bool = False  # whether that takes as long as to read them
    captions: Callable[[Path], Mapping[str, str]] | None = None  # by the names of the images


class Made(NamedTuple):
    """Images that this project makes: squares of the resolution, with labels of their own."""

    fetch: Callable[[Place], None]
    read: Callable[[Path, DatasetSection], Iterator[Sample]]
    classes: tuple[str, ...] = ()  # all labels in order, where some may not occur
    arrays: Callable[[Path, DatasetSection], Arrays] = lambda *_: {}  # kept beside the images
