"""What `pgpipe study queue`, `run` and `status`, and `pgpipe queue`, do and say."""

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pgpipe.config import Document
from pgpipe.data.sources import users_files
from pgpipe.errors import UsageError
from pgpipe.experiments import executors, jobs
from pgpipe.experiments.executors import all_tasks, forget
from pgpipe.experiments.jobs import Outcome
from pgpipe.experiments.queue import Task, dvc_repo, put, succeeded, tasks
from pgpipe.experiments.resources import Executor, Resources
from pgpipe.experiments.runs import Run, finished
from pgpipe.plumbing import startfile
from pgpipe.plumbing.project import fault_of_place, in_main_checkout
from pgpipe.plumbing.terminal import Row
from pgpipe.studies.survey import Standing, free_name, outdated_lines, survey
from pgpipe.studies.table import Experiment

if TYPE_CHECKING:
    from dvc.repo import Repo

OPEN = ("missing", "failed")  # states of what has to be queued


class Status(NamedTuple):
    """How experiments stand: a row of cells per row of the study, by data set; and what to add."""

    grids: dict[str, list[Row]]
    notes: list[str]


def status(wanted: list[Experiment], titles: Mapping[str, str]) -> Status:
    """How the experiments stand: rows, which have titles, by their seeds, with scores if done."""
    with dvc_repo() as repo:
        found = survey(wanted, finished(), all_tasks(repo))
    grids: dict[str, dict[str, list[str]]] = {}
    for one in found.standings:
        row = one.experiment.row
        cells = grids.setdefault(one.experiment.data, {}).setdefault(row, [row, titles[row]])
        cells.append(f"done {one.run.metrics['swd_avg']:.2f}" if one.run else one.state)
    failed = [s.task for s in found.standings if s.task and s.state == "failed"]
    again = "pgpipe study queue, or run, with the same options, tries again what failed"
    notes = [*filter(None, map(remark, found.standings)), *outdated_lines(found.outdated)]
    rows: dict[str, list[Row]] = {data: [*grid.values()] for data, grid in grids.items()}
    return Status(rows, [*notes, *advice(failed, again)])


def remark(standing: Standing) -> str:
    """What a word does not say: the error of what failed, another name of what is done; or ""."""
    name, run, task = standing.experiment.name, standing.run, standing.task
    if run is not None:
        return f"{name}: done as {run.ref.name}" if run.ref.name != name else ""
    return f"{name}: {standing.state}: {task.error}" if task and task.error else ""


def whole_queue() -> tuple[list[str], bool]:
    """How all experiments of DVC's queue stand, a line each, and whether one has failed."""
    with dvc_repo() as repo:
        found, done = tasks(repo), succeeded(repo)
    failed = [task for task in found if task.state == "failed"]
    again = "once that is mended, queue it again, and training goes on from its last saved state"
    lines = [*(f"{name}: done" for name in done), *(in_queue(task) for task in found)]
    return [*(lines or ["the queue is empty"]), *advice(failed, again)], bool(failed)


def in_queue(task: Task) -> str:
    """How a task stands, and why it failed."""
    return f"{task.name}: {task.state}" + (f": {task.error}" if task.error else "")


def advice(failed: list[Task], again: str) -> list[str]:
    """How to see all that a failed task has said, and how to go on."""
    if not failed:
        return []
    name, log = failed[0].name, failed[0].log
    where = (
        f"{log} has all that {name} said"
        if log
        else f"dvc queue logs {name} shows all that it said"
    )
    return [f"{where}; {again}"]


def require_data(wanted: list[Experiment]) -> None:
    """Raise a UsageError, which says what to put where, unless the user's files are there."""
    sections = (experiment.document["dataset"] for experiment in wanted)
    for name, path in {(section["name"], section["path"]) for section in sections}:
        users_files.of(name, in_main_checkout(path))
    starts = {experiment.document["model"].get("start") for experiment in wanted}
    for start in filter(None, starts):
        startfile.file_of(start)


def queue(
    wanted: list[Experiment], put: Callable[["Repo", str, Document], object] = put
) -> Iterator[str]:
    """Put what is neither done nor waiting nor running into DVC's queue, or elsewhere.

    Yields:
        A line for each experiment.
    """
    if fault := fault_of_place():
        raise UsageError(fault)
    with dvc_repo() as repo:
        runs, in_queue = list(finished()), all_tasks(repo)
        found = survey(wanted, runs, in_queue)
        failed = [s.task for s in found.standings if s.task and s.state == "failed"]
        forget(repo, failed)
        taken = names(runs) | {task.name for task in in_queue if task not in failed}
        for standing in found.standings:
            if standing.state not in OPEN:
                yield line(standing)
                continue
            name = free_name(standing.experiment.name, taken)
            put(repo, name, standing.experiment.document)
            yield f"{name}: queued{' again' if standing.task else ''}"
    yield from outdated_lines(found.outdated)


def run(
    wanted: list[Experiment], executor: Executor, workers: int, resources: Resources
) -> Generator[Outcome, None, None]:
    """Have an executor run what is neither done nor waiting nor running.

    To close the generator is to stop the jobs of this machine, once they have saved.
    """
    new: list[jobs.Job] = []
    with jobs.handing_out():
        for text in queue(wanted, lambda *row: new.append(jobs.put(*row))):
            yield text, False
        yield from executors.hand_out(new, executor, workers, resources)


def names(runs: list[Run]) -> set[str]:
    """What the runs are called in DVC."""
    return {run.ref.name for run in runs}


def line(standing: Standing) -> str:
    """How an experiment stands, and its score where it is done."""
    text = remark(standing) or f"{standing.experiment.name}: {standing.state}"
    return f"{text}, swd_avg {standing.run.metrics['swd_avg']:.2f}" if standing.run else text
