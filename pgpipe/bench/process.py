"""A function in a process of its own, with its time and its peak of memory."""

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")  # of Linux


@dataclass(frozen=True)
class Measured:
    """What a call returned, and what it took."""

    value: Any
    seconds: float  # without the start of the process
    peak: int  # bytes, the interpreter and its libraries included


def measured(function: Callable[..., Any], *args: object) -> Measured:
    """Call a function of a module's own in a fresh process."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh) as pool:
        return pool.submit(timed, function, *args).result()


def timed(function: Callable[..., Any], *args: object) -> Measured:
    """Call a function; the peak is that of the whole process so far."""
    start = time.perf_counter()
    value = function(*args)
    return Measured(value, time.perf_counter() - start, peak_bytes())


def peak_bytes() -> int:
    """The most memory that this process has had at once.

    Linux hands getrusage's figure on from the process that started this one; its status does not.
    """
    if STATUS.exists():
        return 1024 * int(STATUS.read_text().partition("VmHWM:")[2].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
