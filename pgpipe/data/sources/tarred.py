"""Tars of image files."""

from collections.abc import Iterator
from pathlib import Path

from pgpipe.data import folder, tars
from pgpipe.data.items import Item
from pgpipe.data.sources.obtain import taken
from pgpipe.data.sources.raw import several
from pgpipe.data.sources.source import Source

TARS = ("*.tar", "*.tar.gz", "*.tgz", "*.tar.bz2", "*.tar.xz")


def read(raw: Path) -> Iterator[Item]:
    """Tars of image files in the archives' order; labels as in a folder."""
    for path in several(raw, *TARS):
        depth = folder.common_depth([name for name, _, _ in tars.files(path)])
        for name, data in tars.members(path):
            yield data, folder.label_of(name, depth), name


SOURCE = Source(taken(*TARS), read)
