"""Jobs in processes of this machine, so many at a time."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pgpipe.errors import UsageError
from pgpipe.experiments import jobs
from pgpipe.experiments.jobs import Given, Job, Outcome, said
from pgpipe.experiments.library import library
from pgpipe.experiments.resources import Executor, Resources
from pgpipe.experiments.work import Work
from pgpipe.plumbing import locks

A_YEAR = 365 * 24 * 60  # minutes
POLL_S = 0.5


def on_this_machine(new: list[Job], workers: int, resources: Resources) -> Iterator[Outcome]:
    """Run jobs in processes here, and say how each ends; if this one is interrupted, stop them."""
    waiting, active = list(new), dict[int, tuple[Job, Any]]()
    try:
        while waiting or active:
            while waiting and len(active) + running_but(new) < workers:
                slot = next(number for number in range(workers) if number not in active)
                job = waiting.pop(0)
                active[slot] = job, start(job, devices(slot, resources.gpus))
                yield f"{job.name}: started", False
            for slot, (job, process) in list(active.items()):
                if process.done():
                    del active[slot]
                    yield outcome(job)
            time.sleep(POLL_S)
    finally:
        stop(list(active.values()))


def running_but(new: list[Job]) -> int:
    """Return how many jobs run that another process, which is no more, has started."""
    return sum(locks.is_held(job.lock) for job in jobs.known() if job not in new)


def devices(slot: int, gpus: int | None) -> str | None:
    """Return the GPUs of one of several jobs on this machine, as CUDA_VISIBLE_DEVICES has them.

    Raises:
        UsageError: the variable is set, and names fewer.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if gpus is None:
        return given
    mine = range(slot * gpus, (slot + 1) * gpus)
    names = [str(n) for n in range(mine.stop)] if given is None else given.split(",")
    if len(names) < mine.stop:
        raise UsageError(f"CUDA_VISIBLE_DEVICES: {given!r} names fewer than {mine.stop} GPUs")
    return ",".join(names[mine.start : mine.stop])


def start(job: Job, visible: str | None) -> Any:
    """Start the process of a job; it ignores Ctrl-C, of which the stage hears on its own."""
    executor = library().AutoExecutor(job.folder, cluster="local")
    executor.update_parameters(timeout_min=A_YEAR, stderr_to_stdout=True)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = executor.submit(Work(Path.cwd(), job, visible))
    finally:
        signal.signal(signal.SIGINT, before)
    job.give(Given(Executor.LOCAL, process.job_id, process.paths.stdout))
    return process


def outcome(job: Job) -> Outcome:
    """Return how a job of this machine has ended."""
    if job.is_done:
        return f"{job.name}: done", False
    return f"{job.name}: failed: {said(job.given())}", True


def stop(active: list[tuple[Job, Any]]) -> None:
    """Have jobs of this machine save and end, however often that has to be said."""
    while left := [job for job, process in active if not process.done()]:
        for job in left:
            if locks.is_held(job.lock) and (pid := locks.first_number(job.lock)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        time.sleep(POLL_S)
