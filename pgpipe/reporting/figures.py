"""The figures of the report, from the files that the stages wrote."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from pgpipe.images import Images
from pgpipe.metrics.table import QUICK
from pgpipe.plumbing import sealed

History = pd.DataFrame  # of training.history: a row a tick

LARGEST_TILE = 256  # pixels
FADE_COLOR = "#f3ead7"
LINES = {
    "loss_d": "#3b6ea8",
    "loss_g": "#c2562d",
    "score_real": "#3b6ea8",
    "score_fake": "#c2562d",
    "gradient_norm": "#5b8c5a",
    "reconstruction": "#3b6ea8",
    "kl": "#c2562d",
}
PANELS = {
    "loss": ("loss_d", "loss_g"),
    "mean score of D": ("score_real", "score_fake"),
    "gradient norm": ("gradient_norm",),
    "reconstruction": ("reconstruction",),
    "KL": ("kl",),
}
PLOTTED = (*PANELS["loss"], *PANELS["mean score of D"])  # in dvc.yaml, too
HEIGHTS = (3, 2, 1.4)  # of the panels, in turn, relative to one another


def read_history(file: Path) -> History:
    """Read history.csv, or scores.csv."""
    text = io.BytesIO(sealed.content(file))
    with sealed.blaming(file, "CSV file"):
        return pd.read_csv(text)


def curves(history: History) -> Figure:
    """The statistics of the step against kimg, phases marked, fades tinted."""
    panels = {title: [n for n in names if n in history] for title, names in PANELS.items()}
    panels = {title: columns for title, columns in panels.items() if columns}
    heights = [HEIGHTS[min(n, 2)] for n in range(len(panels))]
    figure = Figure(figsize=(10, 0.6 + sum(heights)), dpi=120, layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    for ax, (title, columns) in zip(axes, panels.items(), strict=True):
        for column in columns:
            ax.plot(history.kimg, history[column], label=column, color=LINES[column], lw=1.4)
        mark_phases(ax, history)
        ax.set_ylabel(title)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, loc="upper left", ncols=len(columns), fontsize=8)
    name_phases(axes[0], history)
    axes[-1].set_xlabel("real images shown (thousands)")
    axes[-1].margins(x=0.01)
    return figure


def quick_scores(rows: pd.DataFrame, history: History, kimg: float) -> Figure:
    """Rows of scores.csv, each score beside the reals' own; a line where `kimg` is selected."""
    kinds = [name for name in QUICK if name in rows]
    figure = Figure(figsize=(10, 1 + 2 * len(kinds)), dpi=120, layout="constrained")
    axes = figure.subplots(len(kinds), 1, sharex=True, squeeze=False)[:, 0]
    for ax, name in zip(axes, kinds, strict=True):
        own = next(column for column in rows if column in (f"{name}_floor", f"{name}_real"))
        for _, part in rows.groupby("phase", sort=False):
            ax.plot(part.kimg, part[name], ".-", color=LINES["loss_d"], lw=1.4, ms=4)
            ax.plot(part.kimg, part[own], color="#999999", lw=1, ls="--")
        mark_phases(ax, history)
        ax.axvline(kimg, color=LINES["loss_g"], lw=1)
        ax.set_ylabel(QUICK[name].short)
        ax.spines[["top", "right"]].set_visible(False)
    name_phases(axes[0], history)
    axes[-1].set_xlabel("real images shown (thousands)")
    axes[-1].set_xlim(0, 1.01 * history.kimg.iloc[-1])
    return figure


def mark_phases(ax: Axes, history: History) -> None:
    """A line where each phase begins, a tint as far as its fade goes."""
    begin = 0.0
    for _, rows in history.groupby("phase", sort=False):
        fading = rows.kimg[rows.fade < 1]
        if len(fading):
            ax.axvspan(begin, fading.iloc[-1], color=FADE_COLOR, lw=0)
        if begin:
            ax.axvline(begin, color="#999999", lw=0.7)
        begin = rows.kimg.iloc[-1]


def name_phases(ax: Axes, history: History) -> None:
    """The resolution above the middle of each phase."""
    begin = 0.0
    for resolution, rows in history.groupby("resolution", sort=False):
        end = rows.kimg.iloc[-1]
        ax.annotate(
            f"{resolution}x{resolution}",
            ((begin + end) / 2, 1.02),
            xycoords=("data", "axes fraction"),
            ha="center",
            fontsize=9,
        )
        begin = end


def picture(file: Path) -> Image.Image:
    """Read a PNG file that a stage wrote."""
    data = io.BytesIO(sealed.content(file))
    with sealed.blaming(file, "PNG file"):
        found = Image.open(data, formats=["PNG"])
        found.load()
    return found


def growth(previews: Path, history: History, columns: int) -> Images:
    """The first row of fixed latents at the end of each phase, phase below phase."""
    pictures = [
        picture(max(sealed.files(previews, f"{p}-*.png"), default=previews / f"{p}.png"))
        for p in history.phase.unique()
    ]
    tiles = [drawn.width // columns for drawn in pictures]
    tile = min(max(tiles), LARGEST_TILE)
    rows = []
    for drawn, side in zip(pictures, tiles, strict=True):
        row = drawn.convert("RGB").crop((0, 0, columns * side, side))
        way = Image.Resampling.BOX if side > tile else Image.Resampling.NEAREST
        rows.append(np.asarray(row.resize((columns * tile, tile), way)))
    return np.concatenate(rows)
