"""What MLflow's page of a run says of it: pictures, scores, and what can be done with it.

Markdown, as MLflow renders it. Pictures and files are among the run's artifacts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pgpipe.reporting.card import plain, table
from pgpipe.reporting.page import Score, in_one_line, score_rows

COMMANDS = """\
```
pgpipe generate runs:/{run} --seeds 0-15 --to images
pgpipe register NAME {run}
mlflow models serve -m runs:/{run}/generator --env-manager local
```"""


def note(
    run: str,
    pictures: Sequence[str],
    metrics: Mapping[str, Any],
    quick: Mapping[Any, Any] | None = None,
) -> str:
    """Return the description of a run.

    Args:
        run: its id, or what stands for it until the store has given one.
        pictures: paths of artifacts; the first one comes first of all.
        metrics: reports/metrics.json.
        quick: the last row of the quick scores, if there are any.
    """
    film, *sheets = shown(run, pictures)
    sections = [film, f"**{in_one_line(metrics)}** (in brackets the reals' own)"]
    rows = [("score", "images", "95 %", "reals", "last tick"), *cells(metrics)]
    told = 5 if any(row[-1] for row in rows[1:]) else 4  # columns
    sections.append(table(rows[0][:told], (row[:told] for row in rows[1:])))
    if quick:
        sections.append(f"Quick scores of the last tick: {in_one_line(quick)}.")
    sections += sheets
    sections += shown(run, ["report/index.html"])
    return "\n\n".join([*sections, COMMANDS.format(run=run)])


def shown(run: str, paths: Iterable[str]) -> Iterator[str]:
    """Yield artifacts of a run as Markdown: pictures, and links to what is none."""
    for path in paths:
        picture = "!" if path.endswith((".png", ".webp")) else ""
        yield f"{picture}[{plain(path)}](get-artifact?path={quote(path)}&run_uuid={run})"


def cells(metrics: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the lines of the table of scores."""
    for row in score_rows(metrics):
        last = "" if row.last is None else f"{row.last:.4g}"
        own = "" if row.own is None else f"{row.own:.4g}"
        yield row.name, f"{row.value:.4g}", spread(row), own, last


def spread(row: Score) -> str:
    """Return how far a score would be off for other images, if that is known."""
    if row.interval is not None:
        return f"{row.interval[0]:.4g} to {row.interval[1]:.4g}"
    return "" if row.deviation is None else f"&plusmn; {2 * row.deviation:.2g}"
