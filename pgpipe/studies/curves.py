"""Finished runs beyond their scores: curves from DVC's cache, speeds and machines from spools.

A model's folder has no times, so that it is the same bytes wherever it is computed; these are what
the tracker has of the run, by its parameters.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pgpipe.config import Document, leaves
from pgpipe.errors import PgpipeError
from pgpipe.experiments.outputs import read_output
from pgpipe.experiments.runs import Run
from pgpipe.gan.config import TrainSection
from pgpipe.gan.schedule import GrowthSection
from pgpipe.plumbing.layout import SCORES
from pgpipe.reporting.curves import Curve, Tick
from pgpipe.studies.table import Experiment
from pgpipe.tracking import spool
from pgpipe.tracking.identity import in_words
from pgpipe.training.job import end_of

SPEED = "train/images_per_second"
MACHINE_TAGS = ("device", "precision", "processor")
LEVEL = re.compile(r"swd_(\d+)")


def curve_of(experiment: Experiment, run: Run) -> Curve:
    """Return the curves of a finished run, without speeds where it was not tracked here.

    Raises:
        UsageError: DVC's cache lacks its model.
    """
    growth = GrowthSection(**experiment.document["growth"])
    train = TrainSection(**experiment.document["train"])
    text = read_output(run.ref.commit, f"models/{growth.final}/{SCORES}").decode()
    ticks = [
        Tick(round(1000 * float(row["kimg"])), levels_of(row))
        for row in csv.DictReader(io.StringIO(text))
    ]
    images = {phase.res: end_of(phase, train) for _, phase in growth.chain()}
    speeds = speeds_of(run.document, images)
    return Curve(experiment.row, experiment.seed, ticks, images, speeds)


def levels_of(row: Mapping[str, str]) -> dict[int, float]:
    """Return the levels of SWD in a row of quick scores."""
    found = {LEVEL.fullmatch(name): value for name, value in row.items() if value}
    return {int(level[1]): float(value) for level, value in found.items() if level}


def speeds_of(document: Document, images: Mapping[int, int]) -> dict[int, list[float]]:
    """Return the images per second at the ticks of each resolution; none without a spool."""
    found: dict[int, list[float]] = defaultdict(list)
    for point in newest_points(document):
        end = 0
        for resolution, shown in images.items():
            end += shown
            if point.step <= end:
                found[resolution].append(point.values[SPEED])
                break
    return dict(found)


def newest_points(document: Document) -> list[spool.Point]:
    """Return the speeds that the newest spool with the parameters of a document has."""
    _, points = newest_spool(document) or (None, [])
    return [point for point in points if point.values.get(SPEED, 0) > 0]


def tags_of(document: Document) -> dict[str, str]:
    """Return what the tracker says of the machine and the versions; nothing without a spool."""
    newest = newest_spool(document)
    tags = newest[0].tags if newest else {}
    return {n: tags[n] for n in sorted(tags) if n in MACHINE_TAGS or n.startswith("version.")}


def newest_spool(document: Document) -> tuple[spool.Run, list[spool.Point]] | None:
    """Return the newest intact spool with the parameters of a document, if any."""
    return max(spools(document), key=lambda found: found[0].started_ms, default=None)


def untracked(document: Document) -> dict[str, Any]:
    """Return the sections that a run of the tracker has as its parameters."""
    return {name: value for name, value in document.items() if name != "tracking"}


def spools(document: Document) -> Iterator[tuple[spool.Run, list[spool.Point]]]:
    """Yield the intact spools with the parameters of a document, and the points of each."""
    wanted = {path: in_words(value) for path, value in leaves(untracked(document))}
    for folder in sorted(spool.runs_folder().glob("*")):
        with suppress(spool.SpoolDamaged, PgpipeError, OSError):
            run = spool.read_run(folder)
            if run.params == wanted:
                yield run, spool.read_points(folder / spool.METRICS_FILE)[0]
