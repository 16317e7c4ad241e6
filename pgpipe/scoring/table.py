"""Scores as a table for a terminal."""

from collections.abc import Iterator

from pgpipe.scoring.pair import Metrics

BESIDE = ("_floor", "_real", "_std", "_low", "_high")  # what stands in a score's own line
HEAD = ("score", "generated", "reals", "")
NUMBERS = (1, 2)  # the columns that are aligned to the right


def rows(metrics: Metrics) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row per score: its value, the reals' own, and its deviation or interval."""
    found = {name: f"{value:.4g}" for name, value in metrics.items() if isinstance(value, float)}
    return (row(name, found) for name in found if not name.endswith(BESIDE))


def protocol(metrics: Metrics) -> str:
    """Return how the scores were computed: all that is no score."""
    stated = {name: value for name, value in metrics.items() if not isinstance(value, float)}
    return ", ".join(f"{name} {value}" for name, value in stated.items())


def row(name: str, found: dict[str, str]) -> tuple[str, str, str, str]:
    """The cells of one score."""
    own = found.get(f"{name}_floor", found.get(f"{name}_real", "-"))
    more = ""
    if f"{name}_std" in found:
        more = f"+- {found[f'{name}_std']}"
    elif f"{name}_low" in found:
        more = f"{found[f'{name}_low']} to {found[f'{name}_high']}"
    return name, found[name], own, more
