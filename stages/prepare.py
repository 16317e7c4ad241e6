"""prepare: squares of every resolution, each raw image decoded once."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

from pgpipe.config import Section, read_params
from pgpipe.data.config import DatasetSection
from pgpipe.data.feeding import multires
from pgpipe.data.preparing import finished, keeping, pyramid, squares
from pgpipe.data.preparing.writing import SetWriter, Split
from pgpipe.data.reading import apart
from pgpipe.data.sources.source import Made, Source
from pgpipe.data.sources.table import source as source_of
from pgpipe.plumbing.files import fresh_folder, write_array
from pgpipe.plumbing.project import project_root
from pgpipe.plumbing.terminal import note
from pgpipe.reporting.progress import Meter
from stages.paths import MULTIRES, RAW, RAW_HASHES


class Params(Section):
    """The parameters that the stage reads."""

    dataset: DatasetSection


def run() -> None:
    """Write data/multires, unless it was finished before; one that was interrupted goes on."""
    dataset = read_params(Params).dataset
    key = keeping.key_of(dataset, RAW, project_root() / RAW_HASHES)
    target, kept = fresh_folder(MULTIRES), project_root() / ".pgpipe/prepared"
    with Meter("prepare", 0) as meter:
        manifest = finished.restore(kept, key, target)
        if manifest is None:
            manifest = prepared(dataset, key, target, meter)
            finished.keep(kept, key, target, manifest)
    note(*(f"warning: {found}" for found in manifest["notes"]))
    note(*(f"skipped {item['file']}: {item['reason']}" for item in manifest["rejected"]))


def prepared(dataset: DatasetSection, key: str, target: Path, meter: Meter) -> dict[str, Any]:
    """Write the data set of a key to `target`, and return its manifest."""
    source, place = source_of(dataset.name), project_root() / ".pgpipe/prepare"
    split = Split(dataset.held_out, dataset.seed)
    with (
        keeping.kept(place, key, dataset.resolution, split) as keeper,
        blocks_of(source, dataset, keeper.writer) as blocks,
    ):
        shown = counted(blocks, meter, keeper.writer.taken)
        classes: tuple[str, ...] = ()
        if isinstance(source, Made):
            classes = source.classes
            for name, array in source.arrays(RAW, dataset).items():
                write_array(target / name, array)
        return keeper.write(shown, target, classes)


def blocks_of(
    source: Source | Made, dataset: DatasetSection, before: SetWriter
) -> AbstractContextManager[Iterator[multires.Block]]:
    """The images of the data set that the parameters name, but for those that are written."""
    if isinstance(source, Made):
        made = source.read(RAW, dataset)
        return nullcontext(pyramid.blocks(islice(made, before.taken, None)))
    choice, rest = apart.opened(source, RAW, dataset, before.taken)
    before.notes += choice.notes
    return squares.blocks(
        rest, dataset, RAW, before.rejected, boxes=choice.boxes, captions=choice.captions
    )


def counted(
    blocks: Iterator[multires.Block], meter: Meter, images: int
) -> Iterator[multires.Block]:
    """Pass blocks on, showing how many images there were, with so many before."""
    for block in blocks:
        images += len(block.labels)
        meter.update(images)
        yield block
