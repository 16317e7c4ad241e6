"""What a finished phase leaves: the folder `models/rN`, see `plumbing.layout`."""

from pathlib import Path
from typing import Any

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.gan.config import NetworkSpec, TrainSection
from pgpipe.gan.sampling import drawing, facts_of
from pgpipe.plumbing import sealed, tensors
from pgpipe.plumbing.files import fresh_folder, link_or_copy
from pgpipe.plumbing.layout import GENERATOR, HISTORY, LAST, PREVIEWS, SCORES, STATE, preview_name
from pgpipe.plumbing.terminal import warn
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.history import PLACE, Row, write_history
from pgpipe.training.job import rows_of
from pgpipe.training.snapshots import Snapshots, write_rows


def emit(
    states: StateFolder,
    images: int,
    snapshots: Snapshots | None,
    section: TrainSection,
    before: Path,
    target: Path,
) -> None:
    """Write `target`, the model of a finished phase.

    The generator to sample and score is the best snapshot, unless the last one is selected or no
    snapshot was scored.

    Args:
        states: of the phase.
        images: that the phase has shown.
        snapshots: of the phase, if its ticks were scored.
        section: says what is selected.
        before: folder of the phase before.
        target: receives the model.
    """
    state = states.result(images)
    if state is None:
        raise IntegrityError(f"{states.folder}: has no intact result; run the same command again")
    named, facts = tensors.read(state)
    fresh_folder(target)
    link_or_copy(state, target / STATE)
    spec, rows = NetworkSpec(**facts["spec"]), rows_of(facts)
    row = {name: rows[-1][name] for name in PLACE}
    about = {**facts_of(spec, facts["resolution"]), "row": row, **facts["about"]}
    tensors.save(target / LAST, drawing(named, spec), about)
    write_history(target / HISTORY, rows)
    ticks = own_ticks(rows, facts)
    scores = scored(snapshots, ticks, section) if snapshots else []
    best = best_generator(snapshots, ticks) if snapshots and section.select != "last" else None
    link_or_copy(best or target / LAST, target / GENERATOR)
    write_rows(target / SCORES, before / SCORES, scores)
    drawn = [states.folder / PREVIEWS / preview_name(facts["phase"], tick) for tick in ticks]
    sealed.hand_on([*sealed.files(before / PREVIEWS, "*.png"), *drawn], target / PREVIEWS)
    sealed.seal(target)


def own_ticks(rows: list[Row], facts: dict[str, Any]) -> list[int]:
    """Return the images of the phase at each of its own rows of history."""
    before = facts["images_seen"] - facts["progress"]["images"]
    return [round(1000 * row["kimg"]) - before for row in rows if row["phase"] == facts["phase"]]


def scored(snapshots: Snapshots, ticks: list[int], section: TrainSection) -> list[Row]:
    """Return the quick scores of the ticks.

    Where the metrics were edited, and old generators were too large to be kept, some cannot be
    scored anew: the curve has gaps then, but no tick is selected from a part.

    Raises:
        UsageError: the best tick is to be selected, and not all are scored.
    """
    rows = snapshots.rows()
    missing = [tick for tick in ticks if tick not in rows]
    if missing:
        told = (
            f"{snapshots.folder}: {len(missing)} of {len(ticks)} ticks have no quick scores by "
            "today's code of the metrics, since their generators are gone"
        )
        if section.select != "last":
            raise UsageError(f"{told}; {anew(snapshots)}")
        warn(told)
    return [rows[tick] for tick in ticks if tick in rows]


def best_generator(snapshots: Snapshots, ticks: list[int]) -> Path | None:
    """Return the file of the tick with the best score; None while all of the phase fades.

    Raises:
        UsageError: it is gone. It was not the best of a longer phase, which this one once was.
    """
    best = snapshots.best(ticks)
    path = None if best is None else snapshots.files().get(best)
    if best is not None and path is None:
        raise UsageError(
            f"{snapshots.folder}: the generator of the best tick, at {best / 1000:g} kimg of the "
            f"phase, is gone, since not all are kept; {anew(snapshots)}"
        )
    return path


def anew(snapshots: Snapshots) -> str:
    """Return how to go on where a generator that is to be scored or selected is gone."""
    return (
        f"set train.select: last, or delete {snapshots.folder.parent} and run again, to train the "
        "phase anew"
    )
