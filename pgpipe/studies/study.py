"""What a study is: rows, each a preset, on data sets; what its table shows; what it claims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

Weights = Mapping[str, float]


class Claim(NamedTuple):
    """A statement about a score, and the contrasts that are below 0 where it holds."""

    text: str
    score: str
    below_zero: Sequence[Weights]


@dataclass(frozen=True)
class Study:
    """A row on a data set is a combination of two presets; patterns over row and data set."""

    name: str
    title: str
    row_preset: str
    data_preset: str
    rows: Mapping[str, str]  # by name, what a row adds
    data_sets: tuple[str, ...]
    headlines: tuple[str, ...]  # scores whose steps from row to row the table shows
    claims: tuple[Claim, ...] = ()
    levels: bool = False  # whether the table has SWD's levels, too
    published: Path | None = None  # CSV of published figures, by data set and row
