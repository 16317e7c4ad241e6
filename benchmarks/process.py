"""A function in a process of its own, with its time and its peak of memory."""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

STATUS = Path("/proc/self/status")  # of Linux
SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Measured:
    """What a call returned, and what it took."""

    value: Any
    seconds: float  # without the start of the process
    cpu: float  # seconds of processors, of its own children too
    peak: int  # bytes, the interpreter and its libraries included


def measured(function: Callable[..., Any], *args: object) -> Measured:
    """Call a function of a module's own in a fresh process."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh) as pool:
        return pool.submit(timed, function, *args).result()


def measured_with_children(function: Callable[..., Any], *args: object) -> Measured:
    """The same; the peak is that of all processes together, shared memory counted once.

    It is looked for ten times a second.
    """
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, fresh) as pool:
        call, peak = pool.submit(timed, function, *args), 0
        while not wait([call], SAMPLE_SECONDS).done:
            peak = max(peak, bytes_of_children())
        return replace(call.result(), peak=peak)


def bytes_of_children() -> int:
    """The memory that the processes below this one have, a part of what several share each."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            memory = process.memory_full_info()
            total += getattr(memory, "pss", memory.uss)  # pss: of Linux
    return total


def timed(function: Callable[..., Any], *args: object) -> Measured:
    """Call a function; the peak is that of the whole process so far."""
    start, cpu = time.perf_counter(), cpu_seconds()
    value = function(*args)
    return Measured(value, time.perf_counter() - start, cpu_seconds() - cpu, peak_bytes())


def cpu_seconds() -> float:
    """What this process and its ended children have taken of processors."""
    return sum(os.times()[:4])


def peak_bytes() -> int:
    """The most memory that this process has had at once.

    Linux hands getrusage's figure on from the process that started this one; its status does not.
    """
    if STATUS.exists():
        return 1024 * int(STATUS.read_text().partition("VmHWM:")[2].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
