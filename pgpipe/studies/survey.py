"""How the experiments of a study stand: each is matched with runs and tasks by its parameters."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from pgpipe.experiments.queue import Task, TaskState
from pgpipe.experiments.runs import Run
from pgpipe.studies.table import Experiment, identity

State = Literal["done", "missing"] | TaskState


class Standing(NamedTuple):
    """An experiment, how it stands, and what says so."""

    experiment: Experiment
    state: State
    run: Run | None = None
    task: Task | None = None


class Survey(NamedTuple):
    """All experiments asked for, and why other runs of the same names are not among them."""

    standings: list[Standing]
    outdated: dict[str, str]


def survey(wanted: Iterable[Experiment], runs: Iterable[Run], tasks: Iterable[Task]) -> Survey:
    """Match experiments with what there is.

    Of several runs of an experiment the newest by today's code counts. All that count on one data
    set share the protocol of the newest of them: scores of different protocols do not compare.
    """
    experiments = {identity(e.document): e for e in wanted}
    finished = sorted(runs, key=age)
    done = {identity(run.document): run for run in finished if run.current}
    matched = {key: run for key, run in done.items() if key in experiments}
    current = current_protocols((experiments[key].data, run) for key, run in matched.items())
    alike = {k: r for k, r in matched.items() if r.protocol == current[experiments[k].data]}
    queue = {identity(task.document): task for task in tasks if task.document is not None}
    standings = [standing(e, alike.get(key), queue.get(key)) for key, e in experiments.items()]
    return Survey(standings, outdated(experiments.values(), finished, alike.values()))


def age(run: Run) -> int:
    """When the run was committed, as a key for sorting."""
    return run.ref.time


def current_protocols(runs: Iterable[tuple[str, Run]]) -> dict[str, str]:
    """The protocol of the newest run on each data set."""
    return {data: run.protocol for data, run in sorted(runs, key=lambda pair: age(pair[1]))}


def standing(experiment: Experiment, run: Run | None, task: Task | None) -> Standing:
    """How one experiment stands."""
    if run is not None:
        return Standing(experiment, "done", run=run)
    if task is not None:
        return Standing(experiment, task.state, task=task)
    return Standing(experiment, "missing")


def outdated(
    experiments: Iterable[Experiment], runs: Iterable[Run], counted: Iterable[Run]
) -> dict[str, str]:
    """Runs that go by an experiment's name without counting, with the reason."""
    names = {e.name: identity(e.document) for e in experiments}
    used = {run.ref.commit for run in counted}
    others = [run for run in runs if run.ref.commit not in used and base_name(run) in names]
    return {run.ref.name: reason(run, names[base_name(run)]) for run in others}


def reason(run: Run, wanted: str) -> str:
    """Return why a run does not count for the experiment whose name it has."""
    if identity(run.document) != wanted:
        return "other parameters than the presets give today"
    if not run.current:
        return "made by other code than today's"
    return "trained in another precision, or scored by another protocol"


def outdated_lines(outdated: Mapping[str, str]) -> Iterator[str]:
    """The runs that do not count, a line each."""
    return (f"{name}: outdated ({reason})" for name, reason in outdated.items())


def base_name(run: Run) -> str:
    """The name that its experiment was given, without the number of a repetition."""
    name, _, number = run.ref.name.rpartition("-r")
    return name if number.isdigit() else run.ref.name


def free_name(name: str, taken: set[str]) -> str:
    """`name`, or with -r2, -r3, ... where an outdated run has it."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}-r{number}"
    return candidate
