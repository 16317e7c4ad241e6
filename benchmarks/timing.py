"""Interleaved timing: what is compared is timed in turns, so that other work disturbs all alike."""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

import torch

WARM_UP = 2  # calls: the first one allocates, and chooses algorithms
WARM_UP_GPU = 5  # the training's fourth step is captured as a CUDA graph
LIMIT_S = 60  # of all turns of a comparison whose calls take long; one turn is always made

K = TypeVar("K", bound=Hashable)


def nothing() -> None:
    """No preparation."""


@dataclass(frozen=True)
class Work:
    """A call to be timed, and what has to be set before a series of them, untimed."""

    call: Callable[[], object]
    prepare: Callable[[], object] = nothing


def now() -> float:
    """Seconds of a clock that waits until a GPU has done what it was asked to."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds_each(work: Work, count: int) -> float:
    """Mean seconds of `count` calls."""
    work.prepare()
    start = now()
    for _ in range(count):
        work.call()
    return (now() - start) / count


def in_turns(works: Mapping[K, Work], repeats: int, seconds: float) -> dict[K, float]:
    """Median over `repeats` turns of the seconds of one call of each work.

    A turn makes as many calls of each as take about `seconds`, at least one; where that is long,
    there are fewer turns.
    """
    warm_up = WARM_UP_GPU if torch.cuda.is_initialized() else WARM_UP
    for work in works.values():
        seconds_each(work, warm_up - 1)
    first = {name: seconds_each(work, 1) for name, work in works.items()}
    counts = {name: max(1, round(seconds / once)) for name, once in first.items()}
    turn = sum(first[name] * count for name, count in counts.items())
    turns = [
        {name: seconds_each(work, counts[name]) for name, work in works.items()}
        for _ in range(max(1, min(repeats, int(LIMIT_S / turn))))
    ]
    return {name: median(turn[name] for turn in turns) for name in works}
