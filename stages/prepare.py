"""prepare: squares of every resolution, each raw image decoded once."""

from collections.abc import Iterator

from pgpipe.config import Section, read_params
from pgpipe.data import digits, multires, photos, rawzip, stacks
from pgpipe.data.config import DatasetSection
from pgpipe.data.sources import table
from pgpipe.data.squares import squares
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
    with Meter("prepare", 0) as meter:
        samples = counted(samples_of(dataset, rejected), meter)
        manifest = multires.write(samples, target, dataset.resolution, rejected, classes)
    for item in manifest["rejected"]:
        meter.console.print(
            f"skipped {item['file']}: {item['reason']}", soft_wrap=True, markup=False
        )


def samples_of(
    dataset: DatasetSection, rejected: list[tuple[str, str]]
) -> Iterator[multires.Sample]:
    """The images of the data set that the parameters name."""
    if dataset.name == "photos":
        return photos.read(
            RAW / rawzip.NAME,
            dataset.channels,
            dataset.resolution,
            dataset.images_per_class,
            dataset.seed,
        )
    if dataset.stacked:
        return stacked(dataset)
    return squares(table.SOURCES[dataset.name].read(RAW), dataset, RAW, rejected)


def stacked(dataset: DatasetSection) -> Iterator[multires.Sample]:
    """Stacks of digits; which digits they are goes into a file beside them."""
    read = digits.read_bundled if dataset.name == "digits-1k" else digits.read_mnist
    known = read(RAW / rawzip.NAME)
    sources = stacks.draw(len(known.digits), dataset.stacks, dataset.seed)
    write_array(SOURCES, sources)
    return stacks.read(known, sources)


def counted(samples: Iterator[multires.Sample], meter: Meter) -> Iterator[multires.Sample]:
    """Pass samples on, showing how many."""
    for number, sample in enumerate(samples, 1):
        meter.update(number)
        yield sample
