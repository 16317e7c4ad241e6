"""AFHQ (Choi et al. 2020), training images."""

from collections.abc import Iterator
from pathlib import Path

from pgpipe.data.reading import rawzip
from pgpipe.data.reading.items import Item
from pgpipe.data.sources.obtain import published
from pgpipe.data.sources.raw import only
from pgpipe.data.sources.source import Source


def read(raw: Path) -> Iterator[Item]:
    """AFHQ's training images: .../train/LABEL/NAME in the published zip."""
    for name, data in rawzip.members(only(raw, "*.zip")):
        steps = rawzip.parts(name)
        if len(steps) >= 3 and steps[-3] == "train":
            yield data, steps[-2], name


SOURCE = Source(published, read)
