"""A data set before training: one look at every image, and what it means for the experiment."""

import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pgpipe.data.preparing.writing import none_readable
from pgpipe.estimate import disk, memory
from pgpipe.estimate.plan import Plan
from pgpipe.images import Images
from pgpipe.inspection import advice, measure, pictures, source
from pgpipe.inspection.report import Estimate, Report
from pgpipe.inspection.seen import Seen, see
from pgpipe.plumbing.project import project_root


class Checked(NamedTuple):
    """The report, and a picture of some squares as training will see them."""

    report: Report
    sheet: Images  # uint8 [H, W, C]


def check(plan: Plan, raw: Path, progress: Callable[[int], object], processes: int = 0) -> Checked:
    """Look at the data set of a plan.

    Args:
        plan: the experiment that is about to begin.
        raw: where `download` leaves what it fetched.
        progress: hears how many images have been looked at.
        processes: 0: one for each core.

    Raises:
        UsageError: it is not there, or has no image.
        IntegrityError: an archive is damaged.
    """
    dataset = plan.dataset
    with source.opened(dataset, raw) as (items, boxes, notes):
        seen = see(items, source.as_read(dataset), progress, processes, boxes)
    if not seen.labels:
        raise none_readable(seen.rejected, seen.images)
    report = measured(seen, plan)
    warned = report.model_copy(update={"warnings": [*notes, *advice.of(report, plan)]})
    return Checked(warned, pictures.sheet(seen, plan))


def measured(seen: Seen, plan: Plan) -> Report:
    """The report, without warnings."""
    dataset, facts = plan.dataset, np.concatenate(seen.facts)
    usable = np.flatnonzero(facts["usable"])
    return Report(
        **dataset.model_dump(include={"name", "path", "resolution", "color", "crop"}),
        warnings=[],
        images=len(usable),
        bytes=seen.bytes,
        rejected=measure.rejected(seen),
        stored=measure.stored(seen),
        sizes=measure.sizes(facts, dataset),
        aspect=measure.aspect(facts),
        crops=measure.crops(facts),
        labels=measure.labels(seen, usable),
        duplicates=measure.duplicates(seen, facts, usable),
        estimate=estimate(plan, len(usable), seen.bytes),
    )


def estimate(plan: Plan, images: int, raw: int) -> Estimate:
    """What the run takes, with so many images made of so many bytes."""
    places: defaultdict[str, int] = defaultdict(int)
    for part in disk.parts(plan, images, raw):
        places[next(place for place in disk.PLACES if part.where.startswith(place))] += part.bytes
    phases = plan.growth.phases.items()
    return Estimate(
        disk=dict(places),
        free=shutil.disk_usage(project_root()).free,
        memory={
            **{f"train {key}": memory.training(plan, phase) for key, phase in phases},
            "reference, score": memory.scoring(plan),
        },
    )
