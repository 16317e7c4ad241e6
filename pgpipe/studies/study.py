"""What a study is: rows, each a preset, on data sets; what its table shows; what it claims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

Weights = Mapping[str, float]


class Claim(NamedTuple):
    """A statement about a score, and the contrasts that are below a margin where it holds.

    A contrast weighs rows by their names, or, of a score of the same kind, `ROW SCORE`.
    """

    text: str
    score: str
    contrasts: Sequence[Weights]
    margin: float = 0.0

    @property
    def terms(self) -> dict[str, tuple[str, str]]:
        """Return the row and the score of each term that its contrasts weigh."""
        terms = dict.fromkeys(term for weights in self.contrasts for term in weights)
        parts = {term: term.partition(" ") for term in terms}
        return {term: (row, score or self.score) for term, (row, _, score) in parts.items()}


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
    others: tuple[str, ...] = ()  # scores that it also shows, where rows have them
    curves: bool = False  # whether its runs' curves are drawn, and give scores of their own
    per_seed: bool = False  # whether the table also has a line per seed
    published: Path | None = None  # CSV of published figures, by data set and row
