"""What one training step does: its operations, its memory, and its time outside of torch."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.autograd.profiler import profile
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker

from benchmarks.process import measured
from benchmarks.settings import Setting
from benchmarks.steps import parts_of, training
from benchmarks.timing import Work
from pgpipe.training.capture import WARM_UP

STEPS = 5  # profiled
STEPS_TO_PEAK = {"cpu": 2, "cuda": WARM_UP + 1}  # with Adam's moments; the last one captured


class Untracked(ModuleTracker):
    """Follows no modules: torch's own tracker fails in a penalty's `autograd.grad`."""

    def __enter__(self) -> "Untracked":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was followed."""


def flop(call: Callable[[], object]) -> int:
    """Operations of the products and convolutions of a call, as torch counts them.

    A multiplication and an addition are two; what is done element by element is not counted.
    """
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = Untracked()
    with counter:
        call()
    return int(counter.get_total_flops())


def outside(work: Work) -> float:
    """Share of a call's time on the CPU that is spent in none of torch's operations.

    The time that the profiler itself takes is taken off: what it adds to a call's.
    """
    work.prepare()
    plain = processor_seconds(work.call)
    with profile() as profiler:
        start = time.perf_counter()
        profiled = processor_seconds(work.call)
        wall = time.perf_counter() - start
    events = profiler.key_averages()
    inside = sum(e.self_cpu_time_total for e in events if e.key.startswith("aten::")) / 1e6
    return float(1 - inside / wall * profiled / plain)


def processor_seconds(call: Callable[[], object]) -> float:
    """Processor time of some calls: what other programs do does not count."""
    start = time.process_time()
    for _ in range(STEPS):
        call()
    return time.process_time() - start


def peak_bytes(setting: Setting, key: str) -> int:
    """Most memory at once of a phase's steps: of a GPU, or of a process that does nothing else."""
    found = measured(gpu_peak_of_steps, setting, key)
    return found.value or found.peak


def gpu_peak_of_steps(setting: Setting, key: str) -> int:
    """Take some steps in each part of a phase; the most GPU memory in use, 0 without a GPU."""
    with TemporaryDirectory() as folder:
        for part in parts_of(setting.growth.phases[key]):
            trained = training(setting, key, part, Path(folder))
            device = trained.batches.device.type
            for _ in range(STEPS_TO_PEAK[device]):
                trained.train_step()
    return torch.cuda.max_memory_allocated() if device == "cuda" else 0
