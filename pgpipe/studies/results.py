"""What `pgpipe study table` and `check` make of finished runs."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pgpipe.data.reading.decode import Rejected, decode
from pgpipe.errors import UsageError
from pgpipe.experiments.outputs import read_output
from pgpipe.experiments.revisions import require_project
from pgpipe.experiments.runs import Run, finished
from pgpipe.images import Images
from pgpipe.plumbing.files import write_json
from pgpipe.studies.claims import in_words, judge
from pgpipe.studies.study import Claim, Study
from pgpipe.studies.survey import outdated_lines, survey
from pgpipe.studies.table import Experiment, experiments, selection
from pgpipe.tracking.config import TrackingSection
from pgpipe.tracking.spool import THIS_RUN
from pgpipe.tracking.tracker import Tracker, open_summary
from stages.paths import REALS_PICTURE, SAMPLES

if TYPE_CHECKING:
    from pgpipe.reporting.ablation_table import Layout, Runs
    from pgpipe.reporting.ablation_text import Short
    from pgpipe.reporting.curves import Curve

Done = list[tuple[Experiment, Run]]


class Results:
    """The finished runs of a study on one data set, with whatever seeds there are."""

    def __init__(self, study: Study, data: str, rows: list[str], runs: list[Run]) -> None:
        """Pick those that count from `runs`.

        Raises:
            UsageError: there are none.
        """
        seeds = sorted({run.document["train"]["seed"] for run in runs})
        found = survey(experiments(study, [data], rows, seeds), runs, ())
        self.study, self.data, self.outdated = study, data, found.outdated
        self.done: Done = [(s.experiment, s.run) for s in found.standings if s.run]
        if not self.done:
            raise UsageError(
                f"{study.name} on {data}: no finished run has the parameters of its presets; "
                f"pgpipe study queue {study.name} --data {data}"
            )

    @property
    def name(self) -> str:
        """What its files and its run in the tracker are called."""
        return f"{self.study.name}-{self.data}"

    def runs(self) -> "Runs":
        """The runs as a data frame of `pgpipe.reporting.ablation_table`."""
        from pgpipe.reporting.ablation_table import frame

        records = zip(self.done, self.derived, strict=True)
        return frame([record(*one) | own for one, own in records])

    @cached_property
    def derived(self) -> list[dict[str, float]]:
        """What each run's curve says beyond its scores; nothing where the study asks for none."""
        from pgpipe.reporting.curves import derived

        return [derived(curve) for curve in self.curves] or [{} for _ in self.done]

    @cached_property
    def curves(self) -> "list[Curve]":
        """The runs' curves, where the study asks for them."""
        if not self.study.curves:
            return []
        from pgpipe.studies.curves import curve_of

        return [curve_of(*one) for one in self.done]


def read_all(study: str, rows: str | None, data: str | None) -> list[Results]:
    """A study's finished runs that the options --rows and --data name, by data set."""
    require_project()
    chosen, data_sets, names = selection(study, rows, data)
    runs = list(finished())
    return [Results(chosen, data_set, names, runs) for data_set in data_sets]


def record(experiment: Experiment, run: Run) -> dict[str, Any]:
    """One run as a line of the data frame; its best tick may be the last one, too."""
    last = {f"last_{name}": value for name, value in run.metrics.items()}
    return {**last, **run.metrics, "row": experiment.row, "seed": experiment.seed}


class Written(NamedTuple):
    """A study's table: its files, Markdown first, and the rows that a terminal has room for.

    The others: CSV, LaTeX, JSON with what each run is and scored, and pictures.
    """

    heading: str
    rule: str
    files: list[Path]
    scores: "list[Short]"
    outdated: list[str]


def write_table(results: Results, folder: Path, section: TrackingSection) -> Written:
    """Write table and figure to `folder`, log both, and return what to show of them."""
    from pgpipe.reporting import (
        ablation_figure,
        ablation_pictures,
        ablation_table,
        ablation_text,
        curves_figure,
    )

    runs, stem = results.runs(), folder / results.name
    shown = layout_of(results.study, runs)
    table = ablation_table.summary(runs, results.study.rows, shown, results.data)
    heading = f"{results.study.title} on {results.data}"
    files = ablation_text.write(table, shown, heading, stem)
    verdicts = check(results)
    with files[0].open("a", encoding="utf-8") as file:
        if results.study.per_seed:
            file.write(ablation_text.per_seed(runs, shown))
        if verdicts:
            file.write(ablation_text.claims(verdicts))
    files.append(stem.with_name(f"{stem.name}.json"))
    write_json(files[-1], facts(results, verdicts))
    files.append(stem.with_name(f"{stem.name}.png"))
    ablation_figure.figure(runs, table, shown, heading).savefig(files[-1])
    if sheets := samples_of_rows(results):
        files.append(stem.with_name(f"{stem.name}-samples.png"))
        ablation_pictures.figure(sheets, heading).savefig(files[-1])
    if results.curves:
        files.append(stem.with_name(f"{stem.name}-curves.png"))
        curves_figure.figure(results.curves, results.study.rows, heading).savefig(files[-1])
    with open_summary(results.name, section) as tracker:
        log(tracker, results.done, files)
        means = {f"{s}/{row}": table[s][row] for s in shown.scores for row in table.index}
        tracker.log_metrics(images_shown(results.done), means)
    short = ablation_text.short(ablation_text.in_words(table, shown), shown)
    outdated = list(outdated_lines(results.outdated))
    return Written(heading, ablation_text.RULE.replace("*", ""), files, short, outdated)


def facts(results: Results, verdicts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return what it takes to check the results, or to repeat them: commits, machines, scores."""
    from pgpipe.studies.curves import tags_of

    runs = [
        {
            "row": experiment.row,
            "seed": experiment.seed,
            "commit": run.ref.baseline,
            "machine": tags_of(run.document),
            "scores": {**run.metrics, **derived},
        }
        for (experiment, run), derived in zip(results.done, results.derived, strict=True)
    ]
    claims = [{"verdict": verdict, "claim": claim} for verdict, claim in verdicts]
    return {"study": results.study.name, "data": results.data, "claims": claims, "runs": runs}


def samples_of_rows(results: Results) -> dict[str, Images]:
    """Return the samples of each row's first seed below reals, as far as DVC's cache has them."""
    found: dict[str, Images] = {}
    for experiment, run in results.done:
        for name, path in (("reals", REALS_PICTURE), (experiment.row, SAMPLES / "random.png")):
            if name not in found:
                with suppress(UsageError, Rejected):
                    found[name] = decode(read_output(run.ref.commit, str(path)), name, channels=3)
    return found


def layout_of(study: Study, runs: "Runs") -> "Layout":
    """What the table of a study's runs shows."""
    from pgpipe.reporting.ablation_table import layout

    return layout(runs, study.headlines, study.levels, study.published, study.others)


def log(tracker: Tracker, done: Done, files: Sequence[Path]) -> None:
    """Show the files, the figure first, and name the runs that they are made of."""
    from pgpipe.reporting import run_note

    for file in files:
        tracker.log_artifact(file, "ablation")
    shown = run_note.shown(THIS_RUN, [f"ablation/{file.name}" for file in reversed(files)])
    runs = " ".join(run.ref.name for _, run in done)
    tracker.set_tags({"pgpipe.runs": runs, "mlflow.note.content": "\n\n".join(shown)})


def images_shown(done: Done) -> int:
    """The real images that all runs together have shown: the table's place in time."""
    phases = [phase for e, _ in done for phase in e.document["growth"]["phases"].values()]
    kimg: float = sum(phase["fade_kimg"] + phase["stable_kimg"] for phase in phases)
    return round(1000 * kimg)


def check(results: Results) -> list[tuple[str, str]]:
    """The paper's claims, a row each."""
    from pgpipe.reporting.ablation_table import noise

    runs = results.runs()
    return [
        in_words(judge(claim, samples_of(claim, runs), noise(runs, claim.score)))
        for claim in results.study.claims
    ]


def samples_of(claim: Claim, runs: "Runs") -> dict[str, list[float]]:
    """Return the scores over seeds of all that a claim weighs, as far as there are any."""
    from pgpipe.reporting.ablation_table import samples

    found: dict[str, list[float]] = {}
    for term, (row, score) in claim.terms.items():
        if values := samples(runs, score).get(row):
            found[term] = values
    return found
