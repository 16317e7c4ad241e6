"""What the process of a job does: DVC's `exp run` in a workspace of its own.

The steps are those that a worker of DVC's queue takes: make a workspace of the stash, reproduce it,
fetch the commit. DVC runs within this process, so that a stage, which notices the death of its
parent, ends in order however the job ends.
"""

import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import psutil

from pgpipe.errors import INTERRUPTED, PgpipeError, UsageError
from pgpipe.experiments.jobs import Job
from pgpipe.experiments.queue import dvc_repo
from pgpipe.plumbing import locks
from pgpipe.plumbing.processes.signals import PARENT_DIED
from pgpipe.plumbing.terminal import note

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

STAGES_END_S = 60  # to end a step and save
SLURM_DECIDES_S = 120  # whether a job that got a SIGTERM is cancelled, or preempted and requeued
POLL_S = 0.2
TRIES = 3  # of an experiment that DVC, and no stage of it, fails to reproduce


@dataclass(frozen=True)
class Work:
    """The function that submitit calls in the process of a job, as often as the job is requeued.

    Args:
        root: of the project, by the same path on all machines.
        job: what to run.
        devices: on this machine, CUDA's, as CUDA_VISIBLE_DEVICES names them. submitit's local
            executor hides all that it was not asked for.
    """

    root: Path
    job: Job
    devices: str | None = None

    def __call__(self) -> None:
        """Run the experiment, and end the process with DVC's exit code if that fails."""
        os.chdir(self.root)
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        in_slurm = os.environ.get("SUBMITIT_EXECUTOR") == "slurm"
        if not in_slurm:
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
            os.environ |= {} if self.devices is None else {"CUDA_VISIBLE_DEVICES": self.devices}
        asked = Stop()
        signal.signal(signal.SIGTERM, asked)
        self.job.folder.mkdir(parents=True, exist_ok=True)
        with locks.waiting(self.job.lock, sign=True):
            code = run(self.job)
        if code and asked.heard:
            time.sleep(SLURM_DECIDES_S if in_slurm else 0)
            code = INTERRUPTED
        if code:
            sys.exit(code)

    def checkpoint(self) -> "DelayedSubmission":
        """Have the stage save and end, and return the same job to submitit, which requeues it.

        submitit calls it on SIGUSR2, which Slurm sends before a job's time is up.
        """
        from submitit.helpers import DelayedSubmission

        until = time.monotonic() + STAGES_END_S
        while ask_stages_to_end() and time.monotonic() < until:
            time.sleep(POLL_S)
        return DelayedSubmission(self)


class Stop:
    """The handler of SIGTERM in a job: notes it, and lets the stage save and end."""

    heard = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Note the signal, and pass it on."""
        self.heard = True
        ask_stages_to_end()


def ask_stages_to_end() -> bool:
    """Tell the running stage that its parent ends, and return whether there is one.

    Unlike a second SIGTERM, this signal may come again and again while the stage still saves.
    """
    found = list(stages())
    for stage in found:
        stage.send_signal(PARENT_DIED)
    return bool(found)


def stages() -> Iterator[psutil.Process]:
    """Yield the stages that this process runs; DVC has other children, git's for instance."""
    for child in psutil.Process().children():
        try:
            if "pgpipe" in child.cmdline():
                yield child
        except psutil.Error:  # it has just ended
            continue


def run(job: Job) -> int:
    """Run a job's experiment, unless that is no more to be done; return DVC's exit code."""
    if not job.is_current:
        return 0
    stage = StageFailure()
    logging.getLogger("dvc").addHandler(stage)
    try:
        for _ in range(TRIES):
            clear(job)
            code = 0 if job.is_done else reproduce(job)
            if not code or stage.seen:
                break
    except PgpipeError as error:
        note(f"pgpipe: error: {error}")
        return error.exit_code
    except Exception as error:
        note(f"pgpipe: error: bug: {type(error).__name__}: {error}")
        raise
    finally:
        logging.getLogger("dvc").removeHandler(stage)
    if not code:
        job.forget()
        clear(job)
    return code


class StageFailure(logging.Handler):
    """Notes whether DVC has logged the failure of a stage.

    What is not one is DVC's own and passes: jobs whose first stages take equally long give the same
    object to the cache at the same time, and DVC, which tries a reflink first, empties and removes
    the one that the other has just put there.
    """

    seen = False

    def emit(self, record: logging.LogRecord) -> None:
        """Look for the failure of a stage among the causes of a logged error."""
        from dvc.stage.exceptions import StageCmdFailedError

        error = record.exc_info[1] if record.exc_info else None
        while error:
            self.seen |= isinstance(error, StageCmdFailedError)
            error = error.__cause__


def clear(job: Job) -> None:
    """Remove the workspaces of processes that were killed, once their stages have ended."""
    for workspace in job.folder.glob("tmp*"):
        until = time.monotonic() + STAGES_END_S
        while works_in(workspace.resolve()) and time.monotonic() < until:
            time.sleep(POLL_S)
        shutil.rmtree(workspace, ignore_errors=True)


def works_in(folder: Path) -> bool:
    """Return whether a process of this machine has a folder as its current one."""
    return any(
        cwd is not None and Path(cwd).is_relative_to(folder)
        for process in psutil.process_iter(["cwd"])
        if (cwd := process.info["cwd"])
    )


def reproduce(job: Job) -> int:
    """Reproduce a job's experiment in a new workspace, and fetch it; return DVC's exit code.

    Raises:
        UsageError: the finished experiment did not reach the project.
    """
    from dvc.cli import main
    from dvc.repo.experiments.executor.base import ExecutorInfo
    from dvc.repo.experiments.executor.local import TempDirExecutor
    from dvc.repo.experiments.queue.base import BaseStashQueue
    from dvc.repo.experiments.stash import ExpStashEntry

    record = job.folder.resolve() / "dvc.run"  # DVC goes to another folder
    record.unlink(missing_ok=True)
    start = job.baseline
    with dvc_repo() as repo:
        entry = ExpStashEntry(None, start, start, None, job.name)
        executor = TempDirExecutor.from_stash_entry(repo, entry, wdir=str(record.parent))
        executor.init_git(repo, repo.scm, job.commit, entry, None)
        executor.init_cache(repo, job.commit)
        executor.info.dump_json(str(record))
    if code := main(["exp", "exec-run", "--infofile", str(record)]):
        return int(code)
    with dvc_repo() as repo:
        result = ExecutorInfo.load_json(str(record)).result
        BaseStashQueue.collect_executor(repo.experiments, executor, result)
    executor.cleanup(str(record))
    if not job.is_done:
        raise UsageError(f"{job.name}: git could not fetch the finished experiment; run it again")
    return 0
