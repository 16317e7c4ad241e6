"""Pictures of squares as training will see them, of 64x64 pixels at most."""

from pathlib import Path

import numpy as np

from pgpipe.data.pyramid import rounded
from pgpipe.data.squares import square_of
from pgpipe.estimate.plan import Plan
from pgpipe.images import SHEET_COLUMNS, SHEET_TILE, Images, grid
from pgpipe.inspection import source
from pgpipe.inspection.look import Seen, reduced, utf_8
from pgpipe.inspection.report import Groups


def sheet(seen: Seen, plan: Plan) -> Images:
    """Those that were kept, uint8 [H, W, C]; a white one where no image gave a square."""
    side = min(plan.dataset.resolution, SHEET_TILE)
    squares = seen.squares() or [np.full((side, side, plan.dataset.channels), 255, np.uint8)]
    return grid(np.stack(squares), SHEET_COLUMNS, SHEET_TILE)


def groups(found: Groups, plan: Plan, raw: Path) -> list[Images]:
    """A row for each listed group: uint8 [H, W, C]. Their images are read again, one by one.

    Args:
        found: of a look at the same images.
        plan: as for `check`.
        raw: as for `check`.
    """
    wanted = {name for names in found.listed for name in names}
    dataset = reduced(source.as_read(plan.dataset))
    squares: dict[str, Images] = {}
    with source.opened(plan.dataset, raw) as items:
        while len(squares) < len(wanted):
            image, _, given = next(items)
            if (name := utf_8(given)) in wanted:
                squares[name] = rounded(square_of(image, name, dataset), 1)
    rows = [np.stack([squares[name] for name in names]) for names in found.listed]
    return [grid(row, len(row), SHEET_TILE) for row in rows]
