"""The images to score: drawn block by block, by one process or several, and written as they come.

The same images whatever the number of processes: latents are a function of the seed and the block,
and batches are the same, as an image may depend on those of its batch.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from pgpipe import rng
from pgpipe.gan.config import SampleSection
from pgpipe.gan.generator import Generator
from pgpipe.gan.latents import draw as draw_latents
from pgpipe.gan.sampling import render_batch
from pgpipe.images import Images
from pgpipe.plumbing.files import atomic
from pgpipe.plumbing.processes.group import Processes

BLOCK = 1 << 14  # images whose latents are drawn at once

Watch = Callable[[Iterator[Images]], Iterable[Images]]  # passes batches on, and counts


def write(
    path: Path,
    generator: Generator,
    section: SampleSection,
    count: int,
    labels: Tensor | None,
    group: Processes,
    watch: Watch,
) -> None:
    """Draw `count` images (of labels int64 [count]) and write them as one array uint8 [N, R, R, C].

    A batch of each process is in memory at a time. The array takes its name when it is complete.
    """
    side, channels = generator.resolution, generator.spec.channels
    batches = draw(generator, section, count, labels, group)
    if group.writes:
        write_batches(path, (count, side, side, channels), watch(batches))
    else:
        deque(batches, maxlen=0)  # nothing comes, but this process draws its share


def draw(
    generator: Generator,
    section: SampleSection,
    count: int,
    labels: Tensor | None,
    group: Processes,
) -> Iterator[Images]:
    """The images in batches, for the process that writes."""
    for block, start in enumerate(range(0, count, BLOCK)):
        here = min(BLOCK, count - start)
        z = latents(generator, here, section.seed, "sample", block)
        part = None if labels is None else labels[start : start + here]
        batch = partial(render_batch, generator, z, part, batch=section.minibatch)
        yield from group.in_order(batch, range(0, here, section.minibatch))


def latents(generator: Generator, count: int, seed: int, stream: str, block: int = 0) -> Tensor:
    """Return latents [count, latent_size] of a seed, a stream and a block."""
    return draw_latents(generator.spec, count, rng.key(seed, stream, block))


def write_batches(path: Path, shape: tuple[int, ...], batches: Iterable[Images]) -> None:
    """Write uint8 batches, which come one after the other, as one array of a shape."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with atomic(path, math.prod(shape)) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for batch in batches:
            file.write(batch.tobytes())
