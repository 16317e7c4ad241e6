"""SWD and MS-SSIM beside the literal implementation: speed, agreement, peak memory.

Each is measured in a process of its own on the same files. The literal one takes time in
proportion to the images, so it may be measured on fewer of them and is then compared per image.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from pgpipe import rng
from pgpipe.bench import literal
from pgpipe.bench.process import Measured, measured
from pgpipe.files import reserve
from pgpipe.images import Images
from pgpipe.metrics.ms_ssim import ms_ssim_of_pairs
from pgpipe.metrics.streams import stream
from pgpipe.metrics.swd import swd

SEED = 0
CPU = torch.device("cpu")
PICTURE = 512  # pixels that windows may move by

Metric = Callable[..., Any]  # files, then the number of images or pairs


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
    with TemporaryDirectory() as folder:
        reals, fakes = (Path(folder) / f"{name}.npy" for name in ("reals", "fakes"))
        for seed, file in enumerate((reals, fakes)):
            write_windows(file, max(images, 2 * pairs), resolution, seed)
        yield beside("SWD", our_swd, literal_swd, (reals, fakes), images, literal_images)
        yield beside("MS-SSIM", our_ms_ssim, literal_ms_ssim, (fakes,), pairs, literal_pairs)


def beside(
    metric: str, ours: Metric, literally: Metric, files: tuple[Path, ...], count: int, few: int
) -> Comparison:
    """Measure one metric on `count` images, and on the `few` of the literal one."""
    quick, slow = (measured(function, *files, few) for function in (ours, literally))
    difference = float(np.abs(np.divide(quick.value, slow.value) - 1).max())
    whole = quick if count == few else measured(ours, *files, count)
    return Comparison(metric, count, few, whole, slow, difference)


def write_windows(file: Path, count: int, resolution: int, seed: int) -> None:
    """Write windows into a picture of coarse and fine noise: uint8 [count, R, R, 3]."""
    side = resolution + PICTURE
    coarse = rng.normal((1, 3, side // 16, side // 16), rng.key(seed, "coarse", 0))
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    fine = rng.normal((1, 3, side, side), rng.key(seed, "fine", 0))
    pixels = (128 + 50 * smooth + 10 * fine).clamp(0, 255).byte()[0].permute(1, 2, 0).numpy()
    places = rng.integers(PICTURE, (count, 2), rng.key(seed, "windows", 0)).tolist()
    images = np.lib.format.open_memmap(file, "w+", np.uint8, (count, resolution, resolution, 3))
    with file.open("r+b") as opened:
        reserve(opened, file.stat().st_size)
    for number, (top, left) in enumerate(places):
        images[number] = pixels[top : top + resolution, left : left + resolution]
    images.flush()


def read(file: Path, count: int) -> Images:
    """The first images of a file, mapped."""
    images: Images = np.load(file, mmap_mode="r")[:count]
    return images


def our_swd(reals: Path, fakes: Path, count: int) -> list[float]:
    """The distances of all levels, finest first."""
    found = swd(stream(read(reals, count)), stream(read(fakes, count)), SEED, CPU)
    return list(found.values())


def literal_swd(reals: Path, fakes: Path, count: int) -> list[float]:
    """The same by the literal implementation."""
    return literal.swd(read(reals, count), read(fakes, count), SEED)


def our_ms_ssim(images: Path, pairs: int) -> float:
    """The mean over consecutive pairs."""
    return float(ms_ssim_of_pairs(stream(read(images, 2 * pairs)), CPU).mean())


def literal_ms_ssim(images: Path, pairs: int) -> float:
    """The same by the literal implementation."""
    return literal.ms_ssim(read(images, 2 * pairs))


def table(found: list[Comparison], resolution: int) -> Iterator[str]:
    """Lines of Markdown: a row a metric."""
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
