"""Sets of images as streams of batches, of which no metric holds more than a few at once."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pgpipe.images import Images, Readable, release
from pgpipe.plumbing.processes.group import ALONE, Processes

BATCH, BATCH_PIXELS = 64, 1 << 20  # read at once: at most so many images, and two of any size
CHOSEN = 32  # images of a batch that are chosen one by one
CHUNK_PIXELS = 1 << 18  # computed with at once: a few MB, which caches hold

Stream = Callable[[], Iterable[Images]]  # batches uint8 [n, H, W, 1 or 3], anew at each call


def stream(images: Readable, count: int | None = None, group: Processes = ALONE) -> Stream:
    """The first `count` images, or all, as batches that can be read more than once.

    Of a group, each process has its share of the batches.
    """
    total = len(images) if count is None else min(count, len(images))
    _, height, width, _ = images[:1].shape
    size = max(2, min(BATCH, BATCH_PIXELS // (height * width) // 2 * 2))

    def batches() -> Iterator[Images]:
        for start in group.share(range(0, total, size)):
            yield images[start : min(start + size, total)]
            release(images)

    return batches


def chosen(images: Readable, order: NDArray[np.int64]) -> Iterator[Images]:
    """Batches of the images of some numbers, in that order; of even length if these are."""
    for start in range(0, len(order), CHOSEN):
        yield np.concatenate([images[n : n + 1] for n in order[start : start + CHOSEN]])
        release(images)


def chunks(images: Stream, multiple: int = 1) -> Iterator[Images]:
    """Batches cut to few pixels: at most 32 images, a multiple of `multiple` where batches are."""
    for batch in images():
        fitting = min(32, CHUNK_PIXELS // (batch.shape[1] * batch.shape[2]))
        size = max(fitting // multiple, 1) * multiple
        for start in range(0, len(batch), size):
            yield batch[start : start + size]
