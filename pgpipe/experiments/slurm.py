"""Jobs in Slurm: one array of them, and how they stand there."""

import getpass
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pgpipe.errors import UsageError
from pgpipe.experiments import jobs
from pgpipe.experiments.jobs import Given, Job, Outcome
from pgpipe.experiments.library import library
from pgpipe.experiments.resources import Executor, Resources
from pgpipe.experiments.work import Work

A_DAY = 24 * 60  # minutes
SIGNAL_S = 120  # before a job's time is up, to end a step and save
REQUEUES = 1000  # of a job whose time is up
ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"),
    "TIMEOUT",
}  # Slurm's states of a job that nothing will run again
UNCLEAR = {"UNKNOWN", "PREEMPTED"}  # of one that ended, or waits again, or was never accounted for


def require_slurm() -> None:
    """Refuse a machine from which nothing can be handed to Slurm."""
    for command in ("sbatch", "srun"):
        if shutil.which(command) is None:
            raise UsageError(f"{command}: not found; run this on a machine that submits to Slurm")


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
