"""SWD and MS-SSIM beside the literal implementation: speed, agreement, peak memory.

Each is measured in a process of its own on the same pictures. The literal one takes time in
proportion to the images, so it may be measured on fewer of them and is then compared per image.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks import literal
from benchmarks.pictures import Windows
from benchmarks.process import Measured, measured
from pgpipe.metrics.ms_ssim import ms_ssim_of_pairs
from pgpipe.metrics.streams import stream
from pgpipe.metrics.swd import swd

SEED = 0
CPU = torch.device("cpu")

Metric = Callable[[int, int], Any]  # of a resolution, and a number of images or pairs


@dataclass(frozen=True)
class Comparison:
    """One metric, ours and the literal one."""

    metric: str
    count: int  # images of each set, or pairs
    literal_count: int
    ours: Measured
    literal: Measured
    difference: float  # largest relative, on the literal one's images

    @property
    def ratio(self) -> float:
        """How many times as fast ours is, per image."""
        return self.literal.seconds / self.literal_count / (self.ours.seconds / self.count)


def compare(
    images: int, pairs: int, resolution: int, literal_images: int, literal_pairs: int
) -> Iterator[Comparison]:
    """Measure both metrics on generated pictures; the literal ones on the first of them."""
    yield beside("SWD", our_swd, literal_swd, resolution, images, literal_images)
    yield beside("MS-SSIM", our_ms_ssim, literal_ms_ssim, resolution, pairs, literal_pairs)


def beside(
    metric: str, ours: Metric, literally: Metric, resolution: int, count: int, few: int
) -> Comparison:
    """Measure one metric on `count` images, and on the `few` of the literal one."""
    quick, slow = (measured(function, resolution, few) for function in (ours, literally))
    difference = float(np.abs(np.divide(quick.value, slow.value) - 1).max())
    whole = quick if count == few else measured(ours, resolution, count)
    return Comparison(metric, count, few, whole, slow, difference)


def our_swd(resolution: int, images: int) -> list[float]:
    """The distances of all levels, finest first."""
    reals, fakes = (Windows(images, resolution, seed) for seed in (0, 1))
    return list(swd(stream(reals), stream(fakes), SEED, CPU).values())


def literal_swd(resolution: int, images: int) -> list[float]:
    """The same by the literal implementation."""
    reals, fakes = (Windows(images, resolution, seed)[:] for seed in (0, 1))
    return literal.swd(reals, fakes, SEED)


def our_ms_ssim(resolution: int, pairs: int) -> float:
    """The mean over consecutive pairs."""
    return float(ms_ssim_of_pairs(stream(Windows(2 * pairs, resolution, 1)), CPU).mean())


def literal_ms_ssim(resolution: int, pairs: int) -> float:
    """The same by the literal implementation."""
    return literal.ms_ssim(Windows(2 * pairs, resolution, 1)[:])


def table(found: Iterable[Comparison], resolution: int) -> Iterator[str]:
    """Lines of Markdown: a row a metric, as soon as it is found."""
    yield f"{resolution}x{resolution}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    yield ""
    yield "| metric | of | seconds | literal: of | seconds | times as fast | difference | peak |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in found:
        yield (
            f"| {row.metric} | {row.count} | {row.ours.seconds:.1f} | {row.literal_count} "
            f"| {row.literal.seconds:.1f} | {row.ratio:.1f} | {row.difference:.1e} "
            f"| {row.ours.peak / 1e9:.2f} GB |"
        )
