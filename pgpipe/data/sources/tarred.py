"""Tars of image files."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pgpipe.data.reading import layouts, tars
from pgpipe.data.reading.items import Item
from pgpipe.data.reading.layouts import Layout
from pgpipe.data.sources.obtain import taken
from pgpipe.data.sources.raw import several
from pgpipe.data.sources.source import Source

TARS = ("*.tar", "*.tar.gz", "*.tgz", "*.tar.bz2", "*.tar.xz")


def read(raw: Path) -> Iterator[Item]:
    """Tars of image files in the archives' order; labels as in one folder of them all."""
    labels = survey(raw).labels
    for path in several(raw, *TARS):
        for name, data in tars.members(path):
            yield data, labels[name], name


def survey(raw: Path) -> Layout:
    """Names and labels of all tars."""
    return of_files(tuple((path, path.stat().st_mtime_ns) for path in several(raw, *TARS)))


@lru_cache(1)
def of_files(files: tuple[tuple[Path, int], ...]) -> Layout:
    """The same of some tars as they were at a time, which are read once for it."""
    links: list[str] = []
    found = (name for path, _ in files for name, _, _ in tars.files(path, links))
    layout = layouts.of(list(found))
    parts = layouts.shards(path.name for path, _ in files)
    return layout._replace(unread=[*parts, *layouts.links(links)])


SOURCE = Source(taken(*TARS), read, survey, surveys_all=True)
