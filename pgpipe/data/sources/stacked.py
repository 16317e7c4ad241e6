"""What the sources of stacked digits have in common: all but the digits themselves."""

from collections.abc import Callable, Iterator
from pathlib import Path

from pgpipe.data.config import DatasetSection
from pgpipe.data.preparing.pyramid import Sample
from pgpipe.data.reading.rawzip import NAME
from pgpipe.data.sources import stacks
from pgpipe.data.sources.source import Arrays, Made, Place

FILE = "sources.npy"  # of data/multires: which digits are in each image


def source(fetch: Callable[[Place], None], read_digits: Callable[[Path], stacks.Digits]) -> Made:
    """The source of stacks of the digits that `fetch` brings as an archive."""

    def drawn(known: stacks.Digits, dataset: DatasetSection) -> stacks.Sources:
        return stacks.draw(len(known.digits), dataset.stacks, dataset.seed)

    def samples(raw: Path, dataset: DatasetSection) -> Iterator[Sample]:
        known = read_digits(raw / NAME)
        return stacks.read(known, drawn(known, dataset))

    def arrays(raw: Path, dataset: DatasetSection) -> Arrays:
        return {FILE: drawn(read_digits(raw / NAME), dataset)}

    return Made(fetch, samples, stacks.MODES, arrays)
