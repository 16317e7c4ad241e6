"""Handing jobs to submitit: to processes of this machine, or to Slurm; and how jobs stand."""

import getpass
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from pgpipe.errors import UsageError
from pgpipe.plumbing import locks
from pgpipe.studies import jobs, queue
from pgpipe.studies.disk import require_locks
from pgpipe.studies.jobs import HANDING_OUT, Given, Job
from pgpipe.studies.logs import KILLED, error_in
from pgpipe.studies.queue import Task, TaskState
from pgpipe.studies.resources import Executor, Resources
from pgpipe.studies.revisions import read_yaml
from pgpipe.studies.table import Experiment
from pgpipe.studies.work import Work
from pgpipe.tracking.address import VARIABLE, sqlite_file

if TYPE_CHECKING:
    from dvc.repo import Repo

A_DAY, A_YEAR = 24 * 60, 365 * 24 * 60  # minutes
SIGNAL_S = 120  # before a job's time is up, to end a step and save
REQUEUES = 1000  # of a job whose time is up
POLL_S = 0.5
ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"),
    "TIMEOUT",
}  # Slurm's states of a job that nothing will run again
UNCLEAR = {"UNKNOWN", "PREEMPTED"}  # of one that ended, or waits again, or was never accounted for
NOT_HANDED_OUT = "its pgpipe study run ended before it was handed out"

Outcome = tuple[str, bool]  # what to say of a job, and whether it has failed


# Before anything starts


def require(
    executor: Executor, wanted: list[Experiment], workers: int, resources: Resources
) -> None:
    """Refuse what cannot work.

    Raises:
        UsageError: submitit or Slurm is missing, or an option is Slurm's alone, or there are too
            few GPUs, or MLflow's store is a file that several machines would write, or locks do
            not work on the disk.
    """
    library()
    if executor is Executor.SLURM:
        require_slurm()
        require_server(wanted)
    elif others := [key for key, value in resources._asdict().items() if value and key != "gpus"]:
        raise UsageError(f"--{others[0]}: Slurm's; leave it out with --executor local")
    else:
        devices(workers - 1, resources.gpus)
    require_locks(jobs.FOLDER, executor is Executor.SLURM)


def require_slurm() -> None:
    """Refuse a machine from which nothing can be handed to Slurm."""
    for command in ("sbatch", "srun"):
        if shutil.which(command) is None:
            raise UsageError(f"{command}: not found; run this on a machine that submits to Slurm")


def require_server(wanted: list[Experiment]) -> None:
    """Refuse a store of MLflow that several machines would write to over a network disk."""
    file = sqlite_file()
    if file is not None and any(e.document["tracking"]["enabled"] for e in wanted):
        raise UsageError(
            f"MLflow's store is {file}, a SQLite file, which several machines cannot write over a "
            f"network disk; run `mlflow server` on one that all reach, and set {VARIABLE} to its "
            "address"
        )


# Handing out


def hand_out(
    new: list[Job], executor: Executor, workers: int, resources: Resources
) -> Iterator[Outcome]:
    """Run jobs, so many at a time: on this machine to their end, by Slurm without waiting."""
    if new:
        run = on_this_machine if executor is Executor.LOCAL else by_slurm
        yield from run(new, workers, resources)


def by_slurm(new: list[Job], workers: int, resources: Resources) -> Iterator[Outcome]:
    """Submit jobs as one array, of which so many run at a time.

    Raises:
        UsageError: sbatch has refused it; the message is what it said.
    """
    errors = library().core.utils
    executor = library().AutoExecutor(
        jobs.FOLDER / "slurm", cluster="slurm", slurm_max_num_timeout=REQUEUES
    )
    cpus = resources.cpus
    executor.update_parameters(
        name="pgpipe",
        timeout_min=resources.time or A_DAY,
        gpus_per_node=resources.gpus,
        cpus_per_task=cpus,
        mem_gb=resources.mem,
        stderr_to_stdout=True,
        slurm_partition=resources.partition,
        slurm_array_parallelism=workers,
        slurm_signal_delay_s=SIGNAL_S,
        slurm_additional_parameters={"requeue": True},  # after a node's failure, or preemption
        slurm_srun_args=[f"--cpus-per-task={cpus}"] if cpus else None,  # srun asks anew since 22.05
    )
    try:
        given = executor.submit_array([Work(Path.cwd(), job) for job in new])
    except (errors.FailedJobError, errors.FailedSubmissionError) as error:
        for job in new:
            job.forget()
        raise UsageError(f"sbatch: {(str(error).splitlines() or ['failed'])[-1]}") from None
    for job, to in zip(new, given, strict=True):
        job.give(Given(Executor.SLURM, to.job_id, to.paths.stdout))
        yield f"{job.name}: Slurm's job {to.job_id}", False


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


# How they stand


def all_tasks(repo: "Repo") -> list[Task]:
    """Return what waits, runs or has failed, in DVC's queue and as jobs."""
    found = jobs.known()
    slurm = slurm_states([g.number for job in found if (g := job.given()) and is_slurm(g)])
    return [*queue.tasks(repo), *(task(job, slurm) for job in found)]


def forget(repo: "Repo", failed: list[Task]) -> None:
    """Take what has failed out of DVC's queue, and out of the jobs."""
    queue.forget(repo, [task for task in failed if not isinstance(task.entry, Job)])
    for task in failed:
        if isinstance(task.entry, Job):
            task.entry.forget()


def task(job: Job, slurm: dict[str, str]) -> Task:
    """Return how a job stands, given Slurm's states of its jobs."""
    given = job.given()
    state = state_of(job, given, slurm)
    error, log = "", str(given.log) if given else ""
    if state == "failed":
        error = said(given)
        if given and is_slurm(given) and error == KILLED:
            error = f"Slurm: {slurm[given.number]}"
    return Task(job.name, state, read_yaml(job.commit), job, error, log)


def state_of(job: Job, given: Given | None, slurm: dict[str, str]) -> TaskState:
    """Return whether a job waits, runs or has failed."""
    if locks.is_held(job.lock):
        return "running"
    if given is None:
        return "queued" if locks.is_held(HANDING_OUT) else "failed"
    if is_slurm(given):
        state = slurm[given.number]
        return "failed" if state in ENDED else "running" if state == "RUNNING" else "queued"
    return "running" if is_starting(int(given.number), job) else "failed"


def is_slurm(given: Given) -> bool:
    """Return whether Slurm runs a job."""
    return given.executor == Executor.SLURM


def is_starting(pid: int, job: Job) -> bool:
    """Return whether submitit's process of a job lives; it names the job's folder."""
    try:
        return str(job.folder.absolute()) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def said(given: Given | None) -> str:
    """Return the last error in the log of a job."""
    if given is None:
        return NOT_HANDED_OUT
    return error_in(given.log) if given.log.exists() else KILLED


def slurm_states(numbers: list[str]) -> dict[str, str]:
    """Return the states of Slurm's jobs by their numbers.

    Slurm's accounts, which submitit asks, may be switched off, or not know of a job yet: what they
    leave open has ended where the queue does not have it either.
    """
    if not numbers:
        return {}
    found = [library().SlurmJob(jobs.FOLDER / "slurm", number) for number in numbers]
    states = {job.job_id: (job.state.split() or ["UNKNOWN"])[0].upper() for job in found}
    if UNCLEAR & set(states.values()) and (waiting := slurm_queue()) is not None:
        gone = {n for n, state in states.items() if state in UNCLEAR and n not in waiting}
        states |= dict.fromkeys(gone, "FAILED")
    return states


def slurm_queue() -> set[str] | None:
    """Return the jobs of this user that wait or run; None where Slurm does not say."""
    user = f"--user={getpass.getuser()}"
    command = ["squeue", "--noheader", "--array", "--format=%i", user]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return set(done.stdout.split())


@cache
def library() -> Any:
    """Return submitit, which is optional; its warnings are ours to say.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import submitit
        import submitit.core.utils
    except ModuleNotFoundError:
        raise UsageError(
            "submitit is not installed, which runs jobs; install it: pip install 'pgpipe[slurm]'"
        ) from None
    logging.getLogger("submitit").setLevel(logging.CRITICAL)
    return submitit
