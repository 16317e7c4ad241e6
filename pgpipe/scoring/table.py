"""Scores as a table for a terminal."""

from collections.abc import Iterator, Sequence

from pgpipe.scoring.pair import Metrics

BESIDE = ("_floor", "_real", "_std", "_low", "_high")  # what stands in a score's own line
HEAD = ("score", "generated", "reals", "")


def lines(metrics: Metrics) -> Iterator[str]:
    """A line a score: its value, the reals' own, deviation or interval; then the protocol."""
    found = {name: f"{value:.4g}" for name, value in metrics.items() if isinstance(value, float)}
    rows = [HEAD, *(row(name, found) for name in found if not name.endswith(BESIDE))]
    yield from aligned(rows)
    yield ", ".join(f"{name} {value}" for name, value in metrics.items() if name not in found)


def row(name: str, found: dict[str, str]) -> tuple[str, str, str, str]:
    """The cells of one score."""
    own = found.get(f"{name}_floor", found.get(f"{name}_real", "-"))
    more = ""
    if f"{name}_std" in found:
        more = f"+- {found[f'{name}_std']}"
    elif f"{name}_low" in found:
        more = f"{found[f'{name}_low']} to {found[f'{name}_high']}"
    return name, found[name], own, more


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of columns: the first and the last to the left, those between to the right."""
    first, *between, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    for left, *cells, right in rows:
        middle = [cell.rjust(width) for cell, width in zip(cells, between, strict=True)]
        yield "  ".join([left.ljust(first), *middle, right]).rstrip()
