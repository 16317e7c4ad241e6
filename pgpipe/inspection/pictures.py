"""Pictures of squares as training will see them, of 64x64 pixels at most."""

from pathlib import Path

import numpy as np

from pgpipe.data.config import DatasetSection
from pgpipe.data.preparing.pyramid import rounded
from pgpipe.data.preparing.squares import square_of
from pgpipe.estimate.plan import Plan
from pgpipe.images import SHEET_COLUMNS, SHEET_TILE, Images, grid
from pgpipe.inspection import source
from pgpipe.inspection.look import reduced, utf_8
from pgpipe.inspection.report import Groups
from pgpipe.inspection.seen import Seen


def sheet(seen: Seen, plan: Plan) -> Images:
    """Those that were kept, uint8 [H, W, C]; a white one where no image gave a square."""
    squares = seen.squares() or [blank(plan.dataset)]
    return grid(np.stack(squares), SHEET_COLUMNS, SHEET_TILE)


def blank(dataset: DatasetSection) -> Images:
    """Return a white square."""
    side = reduced(dataset).resolution
    return np.full((side, side, dataset.channels), 255, np.uint8)


def groups(found: Groups, plan: Plan, raw: Path) -> list[Images]:
    """A row for each listed group: uint8 [H, W, C]. Their images are read again, one by one.

    Args:
        found: of a look at the same images.
        plan: as for `check`.
        raw: as for `check`.
    """
    dataset = reduced(source.as_read(plan.dataset))
    missing = {name for names in found.listed for name in names}
    squares = dict.fromkeys(missing, blank(dataset))
    with source.opened(plan.dataset, raw) as (items, boxes, _):
        for image, _, given in items if missing else ():
            if (name := utf_8(given)) in missing:
                squares[name] = rounded(square_of(image, given, dataset, boxes), 1)
                missing.remove(name)
            if not missing:
                break
    rows = [np.stack([squares[name] for name in names]) for names in found.listed]
    return [grid(row, len(row), SHEET_TILE) for row in rows]
