"""Who runs jobs, this machine or Slurm: what each needs, handing out, and how the jobs stand."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import psutil

from pgpipe.config import Document
from pgpipe.errors import UsageError
from pgpipe.experiments import jobs, local, queue, slurm
from pgpipe.experiments.disk import require_locks
from pgpipe.experiments.jobs import HANDING_OUT, Given, Job, Outcome, said
from pgpipe.experiments.library import library
from pgpipe.experiments.logs import KILLED
from pgpipe.experiments.queue import Task, TaskState
from pgpipe.experiments.resources import Executor, Resources
from pgpipe.experiments.revisions import read_yaml
from pgpipe.plumbing import locks
from pgpipe.tracking.address import VARIABLE, sqlite_file

if TYPE_CHECKING:
    from dvc.repo import Repo


def require(
    executor: Executor, wanted: Iterable[Document], workers: int, resources: Resources
) -> None:
    """Refuse what cannot work.

    Raises:
        UsageError: submitit or Slurm is missing, or an option is Slurm's alone, or there are too
            few GPUs, or MLflow's store is a file that several machines would write, or locks do
            not work on the disk.
    """
    library()
    if executor is Executor.SLURM:
        slurm.require_slurm()
        require_server(wanted)
    elif others := [key for key, value in resources._asdict().items() if value and key != "gpus"]:
        raise UsageError(f"--{others[0]}: Slurm's; leave it out with --executor local")
    else:
        local.devices(workers - 1, resources.gpus)
    require_locks(jobs.FOLDER, executor is Executor.SLURM)


def require_server(wanted: Iterable[Document]) -> None:
    """Refuse a store of MLflow that several machines would write to over a network disk."""
    file = sqlite_file()
    if file is not None and any(document["tracking"]["enabled"] for document in wanted):
        raise UsageError(
            f"MLflow's store is {file}, a SQLite file, which several machines cannot write over a "
            f"network disk; run `mlflow server` on one that all reach, and set {VARIABLE} to its "
            "address"
        )


def hand_out(
    new: list[Job], executor: Executor, workers: int, resources: Resources
) -> Iterator[Outcome]:
    """Run jobs, so many at a time: on this machine to their end, by Slurm without waiting."""
    if new:
        run = local.on_this_machine if executor is Executor.LOCAL else slurm.by_slurm
        yield from run(new, workers, resources)


# How they stand


def all_tasks(repo: "Repo") -> list[Task]:
    """Return what waits, runs or has failed, in DVC's queue and as jobs."""
    found = jobs.known()
    in_slurm = slurm.slurm_states([g.number for job in found if (g := job.given()) and is_slurm(g)])
    return [*queue.tasks(repo), *(task(job, in_slurm) for job in found)]


def forget(repo: "Repo", failed: list[Task]) -> None:
    """Take what has failed out of DVC's queue, and out of the jobs."""
    queue.forget(repo, [task for task in failed if not isinstance(task.entry, Job)])
    for task in failed:
        if isinstance(task.entry, Job):
            task.entry.forget()


def task(job: Job, in_slurm: dict[str, str]) -> Task:
    """Return how a job stands, given Slurm's states of its jobs."""
    given = job.given()
    state = state_of(job, given, in_slurm)
    error, log = "", str(given.log) if given else ""
    if state == "failed":
        error = said(given)
        if given and is_slurm(given) and error == KILLED:
            error = f"Slurm: {in_slurm[given.number]}"
    return Task(job.name, state, read_yaml(job.commit), job, error, log)


def state_of(job: Job, given: Given | None, in_slurm: dict[str, str]) -> TaskState:
    """Return whether a job waits, runs or has failed."""
    if locks.is_held(job.lock):
        return "running"
    if given is None:
        return "queued" if locks.is_held(HANDING_OUT) else "failed"
    if is_slurm(given):
        state = in_slurm[given.number]
        return "failed" if state in slurm.ENDED else "running" if state == "RUNNING" else "queued"
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
