"""The training step's speeds as a table for a terminal, and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from benchmarks.settings import Setting
from benchmarks.train import Speed
from pgpipe.plumbing.terminal import table_lines
from pgpipe.training import numerics

HEAD = (
    "phase", "images/step", "images/s", "times", "GFLOP/image", "GFLOP/s", "attainable", "share",
    "outside", "peak", "with",
)  # fmt: skip


def report(settings: Mapping[str, Setting], found: Sequence[Speed]) -> dict[str, Any]:
    """What was measured, with what a reader has to know of the device."""
    return {
        "device": numerics.name(settings[""].section),
        "torch": torch.__version__,
        "speeds": [{**asdict(speed), "share": speed.flops / speed.attainable} for speed in found],
    }


def lines(settings: Mapping[str, Setting], found: Sequence[Speed]) -> Iterator[str]:
    """A line a part of a phase and setting; `times`: as fast as the first setting."""
    yield f"{numerics.name(settings[''].section)}, torch {torch.__version__}"
    first = {(s.key, s.part): s.images_per_second for s in found if not s.beside}
    rows = [row(speed, speed.images_per_second / first[speed.key, speed.part]) for speed in found]
    yield from table_lines(rows, HEAD, range(1, len(HEAD) - 1))


def row(speed: Speed, times: float) -> tuple[str, ...]:
    """The cells of one line."""
    return (
        f"{speed.key} {speed.part}",
        str(speed.minibatch),
        f"{speed.images_per_second:.4g}",
        f"{times:.2f}",
        f"{speed.flop_per_image / 1e9:.4g}",
        f"{speed.flops / 1e9:.4g}",
        f"{speed.attainable / 1e9:.4g}",
        f"{speed.flops / speed.attainable:.0%}",
        "-" if speed.outside is None else f"{speed.outside:.0%}",
        f"{speed.peak_bytes / 1e9:.2f} GB",
        speed.beside,
    )
