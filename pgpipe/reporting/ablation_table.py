"""The table of an ablation: rows with their scores over seeds, beside the paper's.

`Runs` has one line a finished run: `row`, `seed`, `images` (that SWD is computed from), `pairs`
(that MS-SSIM is), and the scores of reports/metrics.json. SWD is x 10^3 throughout.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pgpipe.metrics.table import name_of
from pgpipe.reporting.contrasts import Contrast, contrast

Runs = pd.DataFrame

STAND_INS = ("e-star",)  # a row that the row below it replaces, not extends

# Standard deviation of the MS-SSIM of a pair of images, rounded up; a mean over pairs has it
# divided by the root of their number.
PAIR_SPREAD = 0.15
TWO_SIDED = 1.96 * math.sqrt(2)  # 95 % of the differences of two equal scores, in their spreads


class Layout(NamedTuple):
    """What a study's table shows: `scores` of each row, and steps in its `headlines`."""

    scores: tuple[str, ...]
    headlines: tuple[str, ...]
    published: Path | None = None  # CSV of published figures, by data set and row


def frame(records: Sequence[Mapping[str, Any]]) -> Runs:
    """Runs from one mapping each; what a data set has too few images for is NaN."""
    known = [{k: math.nan if v is None else v for k, v in record.items()} for record in records]
    return pd.DataFrame.from_records(known)


def layout(
    runs: Runs,
    headlines: tuple[str, ...],
    levels: bool,
    published: Path | None = None,
    others: tuple[str, ...] = (),
) -> Layout:
    """Return what a study's table shows, of the scores that its runs have."""
    headlines = tuple(score for score in headlines if samples(runs, score))
    found = [name for name in runs.columns if levels and re.fullmatch(r"swd_\d+", name)]
    found.sort(key=lambda name: -int(name.removeprefix("swd_")))
    return Layout(
        (*found, *headlines, *(name for name in others if samples(runs, name))),
        headlines,
        published,
    )


def read_published(file: Path) -> pd.DataFrame:
    """Return published figures by data set and row."""
    return pd.read_csv(file).set_index(["data", "row"])


def samples(runs: Runs, score: str) -> dict[str, list[float]]:
    """Each row's values of a score, one per seed that has it; rows without any are left out."""
    if score not in runs:
        return {}
    known = runs.dropna(subset=[score])
    return {str(row): list(values) for row, values in known.groupby("row")[score]}


def noise(runs: Runs, score: str) -> float:
    """Below which the scores of two single runs do not differ.

    SWD: the floor, which is the distance between two sets of reals. MS-SSIM: 95 % of the
    differences that the choice of pairs makes. Others: the same of the deviation that they come
    with, over evaluations, splits or ticks. Where that is not known, everything may be noise.
    """
    if name_of(score).endswith("swd"):
        floor = float(runs[f"{score}_floor"].max())
        return math.inf if math.isnan(floor) else floor
    if score == "ms_ssim":
        return TWO_SIDED * PAIR_SPREAD / math.sqrt(runs.pairs.min())
    spread = float(runs[f"{score}_std"].max()) if f"{score}_std" in runs else math.nan
    return math.inf if math.isnan(spread) else TWO_SIDED * spread


def summary(runs: Runs, titles: Mapping[str, str], shown: Layout, data: str) -> pd.DataFrame:
    """One line a row of the study that has runs, all as numbers."""
    rows = [row for row in titles if row in set(runs.row)]
    lines = {
        row: {
            "name": titles[row],
            **means(runs[runs.row == row], shown.scores),
            **step(runs, rows, row, shown.headlines),
            **published(shown, data, row),
        }
        for row in rows
    }
    table = pd.DataFrame.from_dict(lines, orient="index").rename_axis("row")
    for score in shown.headlines:
        if f"{score}_paper" in table:
            table[f"{score}_difference"] = table[score] - table[f"{score}_paper"]
    return table


def means(runs: Runs, scores: tuple[str, ...]) -> dict[str, Any]:
    """Mean and standard deviation over seeds, and the reals' own value, of one row."""
    line: dict[str, Any] = {"seeds": len(runs), "images": int(runs.images.iloc[0])}
    for score in scores:
        line |= {score: runs[score].mean(), f"{score}_sd": runs[score].std()}
        own = [name for name in (f"{score}_floor", f"{score}_real") if name in runs]
        line |= {name: runs[name].mean() for name in own}
    return line


def step(runs: Runs, rows: list[str], row: str, headlines: tuple[str, ...]) -> dict[str, Any]:
    """The difference from the row above that this one builds on, and whether it is resolved."""
    above = [other for other in rows[: rows.index(row)] if other not in STAND_INS]
    if not above:
        return {}
    line: dict[str, Any] = {"above": above[-1]}
    for score in headlines:
        if not {row, above[-1]} <= samples(runs, score).keys():
            continue
        found = difference(runs, score, row, above[-1])
        line |= {f"{score}_step": found.estimate, f"{score}_step_interval": found.half_width}
        line |= {f"{score}_resolved": found.sign != "not resolved"}
    return line


def difference(runs: Runs, score: str, row: str, above: str) -> Contrast:
    """A row's mean score less that of another row."""
    return contrast(samples(runs, score), {row: 1.0, above: -1.0}, noise(runs, score))


def published(shown: Layout, data: str, row: str) -> dict[str, Any]:
    """The published figures for the row: on this data set, else on each of their own."""
    if shown.published is None:
        return {}
    paper = read_published(shown.published)
    own = paper.index.get_level_values("data").unique()
    suffixes = {data: "paper"} if data in own else {name: f"paper_{name}" for name in own}
    return {
        f"{score}_{suffix}": paper.loc[(name, row), score]
        for score in shown.headlines
        if score in paper
        for name, suffix in suffixes.items()
    }
