"""The command that shows all finished experiments in a terminal's width."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgpipe.plumbing.terminal import say, say_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgpipe.experiments.runs import Run

HERE = "(this folder)"


def runs(
    count: Annotated[
        int, typer.Option("--last", "-n", min=1, help="So many of the newest, at most.")
    ] = 50,
) -> None:
    """Show finished experiments: what each changed of the last commit, and its main scores.

    `dvc exp show` has every parameter and score.
    """
    from pgpipe.experiments.revisions import read_yaml, require_project
    from pgpipe.experiments.runs import finished, of_folder
    from pgpipe.metrics.table import METRICS
    from pgpipe.reporting.page import main_scores

    require_project()
    shown = sorted(finished(), key=lambda run: run.ref.time)[-count:]
    here = of_folder(Path())
    shown += [here] if here else []
    if not shown:
        say("no finished experiment here; `dvc repro` or `dvc exp run` makes one")
        return
    committed = read_yaml("HEAD") or {}
    scores = [dict(main_scores(run.metrics)) for run in shown]
    kinds = [metric for metric in METRICS.values() if any(metric in known for known in scores)]
    rows = [
        (
            HERE if run is here else run.ref.name,
            changes(run, committed),
            *(
                f"{run.metrics[known[metric]]:.{metric.digits}f}" if metric in known else ""
                for metric in kinds
            ),
        )
        for run, known in zip(shown, scores, strict=True)
    ]
    headings = ("experiment", "changed", *(metric.short for metric in kinds))
    say_table(rows, headings, range(2, len(headings)))


def changes(run: "Run", committed: "Mapping[str, Any]") -> str:
    """Return what a run has otherwise than the last commit, as `dvc exp run -S` takes it."""
    from pgpipe.experiments.queue import overrides

    found = [change.removeprefix("++") for change in overrides(committed, run.document)]
    return " ".join([*found, *([] if run.current else ["(other code)"])])
