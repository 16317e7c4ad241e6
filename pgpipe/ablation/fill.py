"""What `pgpipe ablation queue` and `status` do: make the queue hold what is not done yet."""

from collections.abc import Iterator

from pgpipe.ablation.queue import dvc_repo, forget, put, tasks
from pgpipe.ablation.runs import Run, finished
from pgpipe.ablation.studies import Experiment
from pgpipe.ablation.survey import Standing, free_name, outdated_lines, survey
from pgpipe.errors import UsageError
from pgpipe.project import fault_of_place

OPEN = ("missing", "failed")  # states of what has to be queued


def status(wanted: list[Experiment]) -> list[str]:
    """How the experiments stand, a line each, and the outdated runs of their names."""
    with dvc_repo() as repo:
        found = survey(wanted, finished(), tasks(repo))
    return [*map(line, found.standings), *outdated_lines(found.outdated)]


def queue(wanted: list[Experiment]) -> Iterator[str]:
    """Queue what is neither done nor in the queue nor running; a line for each experiment."""
    if fault := fault_of_place():
        raise UsageError(fault)
    with dvc_repo() as repo:
        runs, in_queue = list(finished()), tasks(repo)
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


def names(runs: list[Run]) -> set[str]:
    """What the runs are called in DVC."""
    return {run.ref.name for run in runs}


def line(standing: Standing) -> str:
    """How an experiment stands, and its score where it is done."""
    text = f"{standing.experiment.name}: {standing.state}"
    if standing.run is None:
        return text
    other = standing.run.ref.name
    alias = "" if other == standing.experiment.name else f" as {other}"
    return f"{text}{alias}, swd_avg {standing.run.metrics['swd_avg']:.2f}"
