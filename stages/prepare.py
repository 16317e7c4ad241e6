"""prepare: squares of every resolution, each raw image decoded once."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice

from pgpipe.config import Section, read_params
from pgpipe.data import keeping, multires, pyramid, squares
from pgpipe.data.choice import chosen
from pgpipe.data.config import DatasetSection
from pgpipe.data.sources.source import Made, Source
from pgpipe.data.sources.table import source as source_of
from pgpipe.data.writing import SetWriter
from pgpipe.files import fresh_folder, write_array
from pgpipe.project import project_root
from pgpipe.reporting.progress import Meter
from stages.paths import MULTIRES, RAW


class Params(Section):
    """What it reads."""

    dataset: DatasetSection


def run() -> None:
    """Write data/multires; an earlier run that was ended amid it is gone on with."""
    dataset = read_params(Params).dataset
    target, place = fresh_folder(MULTIRES), project_root() / ".pgpipe/prepare"
    source = source_of(dataset.name)
    key = keeping.key_of(dataset, RAW)
    with (
        keeping.kept(place, key, dataset.resolution) as keeper,
        blocks_of(source, dataset, keeper.writer) as blocks,
        Meter("prepare", 0) as meter,
    ):
        shown = counted(blocks, meter, len(keeper.writer.labels))
        classes: tuple[str, ...] = ()
        if isinstance(source, Made):
            classes = source.classes
            for name, array in source.arrays(RAW, dataset).items():
                write_array(target / name, array)
        manifest = keeper.write(shown, target, classes)
    for note in manifest["notes"]:
        meter.console.print(f"warning: {note}", soft_wrap=True, markup=False)
    for item in manifest["rejected"]:
        meter.console.print(
            f"skipped {item['file']}: {item['reason']}", soft_wrap=True, markup=False
        )


def blocks_of(
    source: Source | Made, dataset: DatasetSection, before: SetWriter
) -> AbstractContextManager[Iterator[multires.Block]]:
    """The images of the data set that the parameters name, but for those that are written."""
    if isinstance(source, Made):
        made = source.read(RAW, dataset)
        return nullcontext(pyramid.blocks(islice(made, before.taken, None)))
    choice = chosen(source, RAW, dataset)
    before.notes += choice.notes
    rest = islice(choice.of(source.read(RAW)), before.taken, None)
    return squares.blocks(rest, dataset, RAW, before.rejected, boxes=choice.boxes)


def counted(
    blocks: Iterator[multires.Block], meter: Meter, images: int
) -> Iterator[multires.Block]:
    """Pass blocks on, showing how many images there were, with so many before."""
    for block in blocks:
        images += len(block.labels)
        meter.update(images)
        yield block
