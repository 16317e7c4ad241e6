"""The first samples of each row of a study below the first reals: none is picked."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from pgpipe.images import SHEET_COLUMNS, Images

STRIP_ROWS = 2  # of a sheet's images
DPI = 100
NAMES, HEADING, GAP = 130, 34, 8  # pixels: left of the strips, above all, below each


def figure(sheets: Mapping[str, Images], heading: str) -> Figure:
    """Draw the first two rows of each sheet of `pgpipe.images.contact_sheet`, by their names."""
    strips = {
        n: sheet[: STRIP_ROWS * sheet.shape[1] // SHEET_COLUMNS] for n, sheet in sheets.items()
    }
    height, width = next(iter(strips.values())).shape[:2]
    row, whole = height + GAP, (NAMES + width, HEADING + len(strips) * (height + GAP))
    picture = Figure(figsize=(whole[0] / DPI, whole[1] / DPI), dpi=DPI)
    picture.subplots_adjust(NAMES / whole[0], 0, 1, 1 - HEADING / whole[1], hspace=GAP / row)
    axes = picture.subplots(len(strips), 1, squeeze=False)[:, 0]
    for ax, (name, pixels) in zip(axes, strips.items(), strict=True):
        ax.imshow(pixels, interpolation="nearest", aspect="equal")
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
    picture.suptitle(heading, fontsize=11, x=0.01, ha="left")
    return picture
