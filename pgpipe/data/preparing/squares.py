"""A stream of published images to squares of every resolution; what gives none is named.

Each image is decoded once, in one of several processes; the result is that of one.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import ImageColor

from pgpipe.data.config import DatasetSection
from pgpipe.data.feeding.multires import Block, sizes
from pgpipe.data.preparing.pyramid import Pixels, pyramid
from pgpipe.data.preparing.workers import Workers
from pgpipe.data.preparing.writing import Rejections
from pgpipe.data.reading.decode import Channels, Rejected, decode, pixels_of, to_channels
from pgpipe.data.reading.items import Item, batches
from pgpipe.data.reading.square import Box, cut, lanczos, square
from pgpipe.errors import IntegrityError
from pgpipe.images import Images
from pgpipe.plumbing.terminal import counted

SHOWN = 3  # rejected files that an error names
BATCH_IMAGES, BATCH_BYTES = 256, 16 << 20  # at once in a process, at most; bytes on either side
LARGE_PIXELS = 1 << 24  # such images take up to 1 GB each, so they are decoded one at a time

Batch = Sequence[Item]
Boxes = Mapping[str, Box]


class Made(NamedTuple):
    """What became of a batch: squares are in the slot, in order."""

    labels: list[str]
    names: list[str]
    rejected: Rejections


@contextmanager
def blocks(
    items: Iterator[Item],
    dataset: DatasetSection,
    place: Path,
    rejected: Rejections,
    processes: int = 0,
    boxes: Boxes | None = None,
    captions: Mapping[str, str] | None = None,
) -> Iterator[Iterator[Block]]:
    """A context of processes (0: one for each core) that make squares of the images.

    Blocks are in the order of `items` and are to be used before the next; `rejected`, which an
    earlier run may have begun, receives name and reason of those that give no image. `boxes`, by
    name, are what "box" takes, and `captions` go along.

    Raises:
        IntegrityError: more than `dataset.max_rejected` are rejected; `place` is in it.
        ResourceError: a process died.
    """
    if len(rejected) > dataset.max_rejected:
        raise too_many(place, rejected, dataset.max_rejected)
    shape = dataset.resolution, dataset.channels
    square_bytes = slot_bytes(1, *shape)
    most = min(BATCH_IMAGES, max(1, BATCH_BYTES // square_bytes))
    work = partial(fill, dataset=dataset, alone=get_context("fork").Lock(), boxes=boxes)
    with Workers[Batch, Made](work, most * square_bytes, processes) as workers:

        def made() -> Iterator[Block]:
            for found, slot in workers.results(batches(items, most, BATCH_BYTES)):
                note(found.rejected, rejected, dataset.max_rejected, place)
                texts = [captions[name] for name in found.names] if captions is not None else ()
                yield Block(views(slot, len(found.labels), *shape), found.labels, texts)

        yield made()


def fill(
    batch: Batch,
    slot: Images,
    dataset: DatasetSection,
    alone: AbstractContextManager[Any],
    boxes: Boxes | None = None,
) -> Made:
    """Make squares of a batch at every resolution in `slot`."""
    found: list[tuple[Images | Pixels, str, str]] = []
    rejected: Rejections = []
    for image, label, name in batch:
        try:
            with alone if is_large(image) else nullcontext():
                found.append((square_of(image, name, dataset, boxes), label, name))
        except (Rejected, ValueError) as verdict:
            rejected.append((name, getattr(verdict, "reason", str(verdict))))
    levels = views(slot, len(found), dataset.resolution, dataset.channels)
    start = 0
    for _, alike in groupby(found, key=lambda one: one[0].dtype):
        squares: Images = np.stack([pixels for pixels, *_ in alike])
        for level, images in zip(levels, pyramid(squares), strict=True):
            level[start : start + len(images)] = images
        start += len(squares)
    return Made([label for _, label, _ in found], [name for *_, name in found], rejected)


def is_large(image: bytes | Images) -> bool:
    """Whether several such images at once might be too much for the memory."""
    return (pixels_of(image) if isinstance(image, bytes) else image.size) > LARGE_PIXELS


def square_of(
    image: bytes | Images, name: str, dataset: DatasetSection, boxes: Boxes | None = None
) -> Images | Pixels:
    """One square: uint8 or float32 [resolution, resolution, channels].

    Raises:
        Rejected, ValueError: no usable image.
    """
    if isinstance(image, bytes):
        pixels = decode(image, name, dataset.channels, dataset.background)
    else:
        pixels = to_channels(image, dataset.channels)
    if boxes is not None:
        pixels = cut(pixels, boxes[name])
    if dataset.lanczos_resolution:
        pixels = lanczos(pixels, dataset.lanczos_resolution)
    border = colour(dataset.border, dataset.channels) if dataset.crop == "pad" else None
    return square(pixels, dataset.resolution, dataset.crop, border)


@cache
def colour(text: str, channels: Channels) -> Pixels:
    """The levels [channels] of "#rrggbb", as `decode` makes them gray."""
    pixel = np.array(ImageColor.getrgb(text), np.uint8).reshape(1, 1, 3)
    levels: Pixels = to_channels(pixel, channels)[0, 0].astype(np.float32)
    return levels


def slot_bytes(count: int, resolution: int, channels: int) -> int:
    """Return the bytes of so many images at all resolutions."""
    return sum(count * size * size * channels for size in sizes(resolution))


def views(slot: Images, count: int, resolution: int, channels: int) -> list[Images]:
    """The parts of a slot that hold so many images: uint8 [count, N, N, C], largest first."""
    levels, start = [], 0
    for size in sizes(resolution):
        shape = (count, size, size, channels)
        stop = start + count * size * size * channels
        levels.append(slot[start:stop].reshape(shape))
        start = stop
    return levels


def note(found: Rejections, rejected: Rejections, limit: int, place: Path) -> None:
    """Add to `rejected`, up to the first that is too many."""
    for verdict in found:
        rejected.append(verdict)
        if len(rejected) > limit:
            raise too_many(place, rejected, limit)


def too_many(place: Path, rejected: Rejections, limit: int) -> IntegrityError:
    """The error that names the first of the rejected files and the parameter that allows more."""
    first = "; ".join(f"{name!r}: {reason}" for name, reason in rejected[:SHOWN])
    more = "; ..." if len(rejected) > SHOWN else ""
    return IntegrityError(
        f"{place}: {counted(len(rejected), 'file')} without a usable image, dataset.max_rejected "
        f"allows {limit} ({first}{more}); remove them or raise it"
    )
