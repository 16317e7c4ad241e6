"""The commands `pgpipe study ...`: rows of a table as experiments, and what they show."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from pgpipe.experiments.resources import Executor, Resources
from pgpipe.plumbing.terminal import is_terminal, say, say_table

if TYPE_CHECKING:
    from pgpipe.studies.table import Experiment

HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="study",
    help="The paper's tables: queue their rows as experiments, compare what they scored.",
    no_args_is_help=True,
    context_settings=HELP,
)

StudyName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the study: a file of pgpipe/studies.")
]
Rows = Annotated[str | None, typer.Option(help="Rows such as a,b,g; all if not given.")]
Data = Annotated[str | None, typer.Option(help="Data sets of the study; its first if not given.")]
Seeds = Annotated[int, typer.Option(help="Number of seeds, which count from 0.", min=1, max=1000)]


class OfStudy(TyperCommand):
    """A command whose study may also be named as before 0.2.0, by `--study NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take what follows `--study` as the argument."""
        return super().parse_args(ctx, [a.removeprefix("--study=") for a in args if a != "--study"])


def wanted(study: str, rows: str | None, data: str | None, seeds: int) -> "list[Experiment]":
    """The experiments that options name, their parameters checked."""
    from pgpipe.experiments.revisions import require_project
    from pgpipe.studies import table as studies
    from stages.check import check

    chosen, data_sets, names = studies.selection(study, rows, data)
    require_project()
    found = list(studies.experiments(chosen, data_sets, names, range(seeds)))
    for experiment in found:
        check(dict(experiment.document), experiment.name)
    return found


@app.command(cls=OfStudy)
def queue(
    study: StudyName = "table1", rows: Rows = None, data: Data = None, seeds: Seeds = 3
) -> None:
    """Queue the experiments that are missing, and again those that were killed or failed."""
    from pgpipe.studies import fill

    experiments = wanted(study, rows, data, seeds)
    fill.require_data(experiments)
    for line in fill.queue(experiments):
        say(line)
    say("run them with: dvc queue start -j 2")


@app.command(cls=OfStudy)
def run(
    executor: Annotated[Executor, typer.Option(help="Who runs the rows.")],
    study: StudyName = "table1",
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Rows at a time.", min=1)] = 1,
    rows: Rows = None,
    data: Data = None,
    seeds: Seeds = 3,
    gpus: Annotated[int | None, typer.Option(help="GPUs of a row.", min=1)] = None,
    partition: Annotated[str | None, typer.Option(help="Slurm's partition.")] = None,
    time: Annotated[
        int | None, typer.Option(help="Slurm's minutes until a row is requeued; a day.", min=5)
    ] = None,
    cpus: Annotated[int | None, typer.Option(help="CPUs of a row in Slurm.", min=1)] = None,
    mem: Annotated[int | None, typer.Option(help="GB of memory of a row in Slurm.", min=1)] = None,
) -> None:
    """Run the experiments that are missing, and again those that were killed or failed.

    Locally until all are done; the exit code is 1 if one has failed. Slurm gets them as one array.
    """
    from pgpipe.experiments import executors
    from pgpipe.studies import fill

    resources = Resources(gpus, partition, time, cpus, mem)
    experiments = wanted(study, rows, data, seeds)
    fill.require_data(experiments)
    executors.require(executor, [e.document for e in experiments], jobs, resources)
    failed = False
    with closing(fill.run(experiments, executor, jobs, resources)) as outcomes:  # stops the jobs
        for line, bad in outcomes:
            say(line)
            failed |= bad
    raise typer.Exit(int(failed))


@app.command(cls=OfStudy)
def status(
    study: StudyName = "table1", rows: Rows = None, data: Data = None, seeds: Seeds = 3
) -> None:
    """Show each row and seed of a study: done, running, queued, failed or missing."""
    from pgpipe.studies import fill
    from pgpipe.studies.table import find_study

    found = fill.status(wanted(study, rows, data, seeds), find_study(study).rows)
    for name, grid in found.grids.items():
        say(f"{study} on {name}; what is done with its swd_avg:")
        say_table(grid, ["row", "", *(f"seed {seed}" for seed in range(seeds))])
    say(*found.notes)


@app.command(cls=OfStudy)
def table(
    study: StudyName = "table1",
    rows: Rows = None,
    data: Data = None,
    out: Annotated[Path, typer.Option(help="Folder to write the files into.")] = Path(
        "reports/ablation"
    ),
) -> None:
    """Compare finished rows with the paper: write Markdown, CSV, LaTeX and a figure, and print.

    A terminal shows the scores, their steps and the paper's; else the whole table is printed.
    """
    from pgpipe.studies import results
    from stages.tracked import section

    for found in results.read_all(study, rows, data):
        written = results.write_table(found, out, section())
        if is_terminal():
            say(written.heading)
            for score in written.scores:
                say("")
                say_table(score.rows, score.headings)
            say("", written.rule, f"The whole table: {written.files[0]}, .csv, .tex and .png")
        else:
            say(*written.files[0].read_text(encoding="utf-8").splitlines())
        say(*written.outdated)


@app.command(name="check", cls=OfStudy)
def check_claims(study: StudyName = "table1", data: Data = None) -> None:
    """Say for each claim of the paper whether it holds."""
    from pgpipe.studies import results

    for found in results.read_all(study, None, data):
        say(f"{found.name}:")
        say_table(results.check(found))


def whole_queue() -> None:
    """Say how the experiments of DVC's queue stand; the exit code is 1 if one has failed.

    DVC itself ends with 0, whatever failed in a queue. Of a failed one the last error is shown.
    """
    from pgpipe.experiments.revisions import require_project
    from pgpipe.studies import fill

    require_project()
    lines, failed = fill.whole_queue()
    say(*lines)
    raise typer.Exit(int(failed))
