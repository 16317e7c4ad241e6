"""prepare: squares of every resolution, each raw image decoded once."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from pgpipe.config import Section, read_params
from pgpipe.data import digits, multires, photos, pyramid, rawzip, squares, stacks, writing
from pgpipe.data.config import DatasetSection
from pgpipe.data.sources import table
from pgpipe.files import fresh_folder, write_array
from pgpipe.reporting.progress import Meter
from stages.paths import MULTIRES, RAW, SOURCES


class Params(Section):
    """What it reads."""

    dataset: DatasetSection


def run() -> None:
    """Write data/multires."""
    dataset = read_params(Params).dataset
    rejected: list[tuple[str, str]] = []
    target = fresh_folder(MULTIRES)
    classes = stacks.MODES if dataset.stacked else ()
    with blocks_of(dataset, rejected) as blocks, Meter("prepare", 0) as meter:
        shown = counted(blocks, meter)
        manifest = writing.write(shown, target, dataset.resolution, rejected, classes)
    for item in manifest["rejected"]:
        meter.console.print(
            f"skipped {item['file']}: {item['reason']}", soft_wrap=True, markup=False
        )


def blocks_of(
    dataset: DatasetSection, rejected: list[tuple[str, str]]
) -> AbstractContextManager[Iterator[multires.Block]]:
    """The images of the data set that the parameters name."""
    if dataset.name == "photos":
        windows = photos.read(
            RAW / rawzip.NAME,
            dataset.channels,
            dataset.resolution,
            dataset.images_per_class,
            dataset.seed,
        )
        return nullcontext(pyramid.blocks(windows))
    if dataset.stacked:
        return nullcontext(pyramid.blocks(stacked(dataset)))
    return squares.blocks(table.SOURCES[dataset.name].read(RAW), dataset, RAW, rejected)


def stacked(dataset: DatasetSection) -> Iterator[pyramid.Sample]:
    """Stacks of digits; which digits they are goes into a file beside them."""
    read = digits.read_bundled if dataset.name == "digits-1k" else digits.read_mnist
    known = read(RAW / rawzip.NAME)
    sources = stacks.draw(len(known.digits), dataset.stacks, dataset.seed)
    write_array(SOURCES, sources)
    return stacks.read(known, sources)


def counted(blocks: Iterator[multires.Block], meter: Meter) -> Iterator[multires.Block]:
    """Pass blocks on, showing how many images there were."""
    images = 0
    for block in blocks:
        images += len(block.labels)
        meter.update(images)
        yield block
