"""The figure of an ablation: each run a point, each row its mean, the reals a line."""

import textwrap
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from pgpipe.reporting.ablation_table import Layout, Runs, read_published
from pgpipe.reporting.ablation_text import title

POINT, MEAN, REALS = "#8fb0d3", "#1f4e79", "#5b8c5a"
PAPERS = {
    "celeba": ("Karras et al. 2018, CelebA", "#c2562d"),
    "lsun-bedroom": ("Karras et al. 2018, LSUN bedroom", "#8a6fb0"),
    "cifar10": ("Karras et al. 2018, mean of 10 runs' best snapshots", "#c2562d"),
}
SEED_GAP = 0.09  # between the points of a row, whose places are 1 apart
WIDE_RATIO = 8  # between largest and smallest score, beyond which an axis is logarithmic
OWN = {"floor": "floor: reals against other reals", "real": "reals"}


def figure(runs: Runs, table: pd.DataFrame, shown: Layout, heading: str) -> Figure:
    """A panel for each headline; below the SWD one the paper's figures for the same rows."""
    rows = list(table.index)
    panels = [(score, source) for score in shown.headlines for source in sources(shown, score)]
    picture = Figure(figsize=(max(6.4, 1.05 * len(rows) + 1), 2.5 * len(panels) + 0.6), dpi=120)
    picture.set_layout_engine("constrained")
    axes = picture.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (score, source) in zip(axes, panels, strict=True):
        if source == "ours":
            draw_runs(ax, runs, table, score)
        elif shown.published:
            draw_paper(ax, read_published(shown.published)[score], rows)
        finish(ax, f"{title(score)}{', paper' if source == 'paper' else ''}")
    names = [f"{row.replace('-star', '*')}\n{table.loc[row, 'name']}" for row in rows]
    axes[-1].set_xticks(range(len(rows)), [wrap(name) for name in names], fontsize=7.5)
    picture.suptitle(heading, fontsize=11, x=0.01, ha="left")
    return picture


def sources(shown: Layout, score: str) -> Sequence[str]:
    """Whose values of a score get a panel: the paper's at another scale, so apart from ours."""
    if shown.published and score == shown.headlines[0] and score in read_published(shown.published):
        return "ours", "paper"
    return ("ours",)


def draw_runs(ax: Axes, runs: Runs, table: pd.DataFrame, score: str) -> None:
    """A point a run, a bar a mean, a whisker the standard deviation, a line the reals."""
    for place, row in enumerate(table.index):
        values = runs.loc[runs.row == row].sort_values("seed")[score]
        beside = [place + SEED_GAP * (n - (len(values) - 1) / 2) for n in range(len(values))]
        label = None if place else "one seed"
        ax.plot(beside, values, "o", color=POINT, ms=5, zorder=2, label=label)
    ax.errorbar(
        range(len(table)),
        table[score],
        table[f"{score}_sd"].fillna(0),
        label="mean and standard deviation",
        fmt="_",
        color=MEAN,
        ms=24,
        mew=2,
        capsize=4,
        lw=1.2,
        zorder=1,
    )
    for own, label in OWN.items():
        if f"{score}_{own}" in table:
            ax.axhline(table[f"{score}_{own}"].mean(), color=REALS, lw=1.2, ls="--", label=label)


def draw_paper(ax: Axes, paper: pd.Series, rows: Sequence[str]) -> None:
    """The paper's figures for the rows, one line per data set."""
    known = paper.index.get_level_values("data")
    for data, (label, color) in ((d, words) for d, words in PAPERS.items() if d in known):
        values = [paper[(data, row)] for row in rows]
        ax.plot(range(len(rows)), values, "o-", color=color, lw=1, ms=5, label=label)


def finish(ax: Axes, label: str) -> None:
    """Axis, grid and legend."""
    low, high = ax.dataLim.intervaly
    if low > 0 and high / low > WIDE_RATIO:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel(label)
    ax.grid(axis="y", color="#e4e4e4", lw=0.7)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.06)
    # above the axes, where no run can lie under it
    ax.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.98), ncols=3)


def wrap(text: str, width: int = 14) -> str:
    """Text in lines of at most `width` characters, as far as its words allow."""
    first, _, rest = text.partition("\n")
    return "\n".join([first, *textwrap.wrap(rest, width)])
