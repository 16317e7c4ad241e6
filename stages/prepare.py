"""prepare: squares of every resolution, each raw image decoded once."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice

from pgpipe.config import Section, read_params
from pgpipe.data import (
    annotations,
    choice,
    digits,
    keeping,
    multires,
    photos,
    pyramid,
    rawzip,
    squares,
    stacks,
)
from pgpipe.data.config import DatasetSection
from pgpipe.data.sources import table
from pgpipe.data.writing import SetWriter
from pgpipe.files import fresh_folder, write_array
from pgpipe.project import project_root
from pgpipe.reporting.progress import Meter
from stages.paths import MULTIRES, RAW, SOURCES


class Params(Section):
    """What it reads."""

    dataset: DatasetSection


def run() -> None:
    """Write data/multires; an earlier run that was ended amid it is gone on with."""
    dataset = read_params(Params).dataset
    target, place = fresh_folder(MULTIRES), project_root() / ".pgpipe/prepare"
    classes = stacks.MODES if dataset.stacked else ()
    key = keeping.key_of(dataset, RAW)
    with (
        keeping.kept(place, key, dataset.resolution) as keeper,
        blocks_of(dataset, keeper.writer) as blocks,
        Meter("prepare", 0) as meter,
    ):
        shown = counted(blocks, meter, len(keeper.writer.labels))
        manifest = keeper.write(shown, target, classes)
    for item in manifest["rejected"]:
        meter.console.print(
            f"skipped {item['file']}: {item['reason']}", soft_wrap=True, markup=False
        )


def blocks_of(
    dataset: DatasetSection, before: SetWriter
) -> AbstractContextManager[Iterator[multires.Block]]:
    """The images of the data set that the parameters name, but for those that are written."""
    if dataset.name == "photos":
        windows = photos.read(
            RAW / rawzip.NAME,
            dataset.channels,
            dataset.resolution,
            dataset.images_per_class,
            dataset.seed,
        )
        return nullcontext(pyramid.blocks(islice(windows, before.taken, None)))
    if dataset.stacked:
        return nullcontext(pyramid.blocks(islice(stacked(dataset), before.taken, None)))
    notes = annotations.read(dataset, RAW)
    items = choice.chosen(lambda: table.SOURCES[dataset.name].read(RAW), dataset, notes)
    rest = islice(items, before.taken, None)
    return squares.blocks(rest, dataset, RAW, before.rejected, boxes=notes.boxes)


def stacked(dataset: DatasetSection) -> Iterator[pyramid.Sample]:
    """Stacks of digits; which digits they are goes into a file beside them."""
    read = digits.read_bundled if dataset.name == "digits-1k" else digits.read_mnist
    known = read(RAW / rawzip.NAME)
    sources = stacks.draw(len(known.digits), dataset.stacks, dataset.seed)
    write_array(SOURCES, sources)
    return stacks.read(known, sources)


def counted(
    blocks: Iterator[multires.Block], meter: Meter, images: int
) -> Iterator[multires.Block]:
    """Pass blocks on, showing how many images there were, with so many before."""
    for block in blocks:
        images += len(block.labels)
        meter.update(images)
        yield block
