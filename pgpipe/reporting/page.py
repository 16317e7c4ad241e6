"""The report: one page that a browser opens without a network."""

import base64
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from matplotlib.figure import Figure
from PIL import Image

from pgpipe.config import leaves
from pgpipe.errors import visible
from pgpipe.metrics.table import METRICS, Metric, metric_of, name_of

TEMPLATES = Path(__file__).parent

LEVELS = {"avg": "average of the levels"}


class Score(NamedTuple):
    """A row of the table of scores."""

    name: str
    value: float
    deviation: float | None
    interval: tuple[float, float] | None  # 95 %, over other images
    own: float | None  # of the reals, where there are enough of them
    last: float | None  # of the last tick, where another is selected
    meaning: str


def as_webp(png: bytes) -> bytes:
    """The same pixels in fewer bytes."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png), formats=["PNG"]).save(buffer, "WEBP", lossless=True, method=4)
    return buffer.getvalue()


def png(figure: Figure) -> bytes:
    """A figure's picture, the same bytes each time."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def score_rows(metrics: Mapping[str, Any]) -> Iterable[Score]:
    """The scores of reports/metrics.json with what each means."""
    for name, value in metrics.items():
        owns = [own for own in (f"{name}_floor", f"{name}_real") if own in metrics]
        if not owns:
            continue
        metric, level = metric_of(name), name.removeprefix(name_of(name)).removeprefix("_")
        where = level and f", {LEVELS.get(level, f'{level}x{level} level')}"
        yield Score(
            metric.title + where,
            value,
            metrics.get(f"{name}_std"),
            interval(metrics, name),
            metrics[owns[0]],
            metrics.get(f"last_{name}"),
            metric.meaning.format_map(metrics),
        )


def in_one_line(metrics: Mapping[str, Any]) -> str:
    """Return one score of each metric, with the reals' own in brackets."""
    told = []
    for metric, shown in main_scores(metrics):
        own = metrics.get(f"{shown}_{metric.own}")
        beside = "" if own is None else f" ({own:.{metric.digits}f})"
        told.append(f"{metric.short} {metrics[shown]:.{metric.digits}f}{beside}")
    return ", ".join(told)


def main_scores(metrics: Mapping[str, Any]) -> Iterator[tuple[Metric, str]]:
    """Yield each metric that there is a score of, and the name of its main one."""
    for name, metric in METRICS.items():
        shown = next((n for n in (f"{name}_avg", name) if metrics.get(n) is not None), None)
        if shown is not None:
            yield metric, shown


def interval(metrics: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """The bounds that stand beside a score, if any."""
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    return None if low is None or high is None else (low, high)


def render(
    metrics: Mapping[str, Any],
    params: Mapping[str, Any],
    pictures: Mapping[str, bytes],
    columns: int,
    resolutions: Iterable[int],
    quick_images: int = 0,
    film: bytes = b"",
    walk: bytes = b"",
    classes: Iterable[str] = (),
    near: Mapping[str, Any] | None = None,
    by_class: Iterable[Any] = (),
) -> str:
    """The page as HTML.

    Args:
        metrics: reports/metrics.json.
        params: params.yaml.
        pictures: PNG files by name: growth, curves, random, reals, and what else there is.
        columns: of the picture `growth`.
        resolutions: of its rows.
        quick_images: that a quick score was made of.
        film: of the growth, as WebP; empty: none.
        walk: a film of a walk through the latents, as WebP; empty: none.
        classes: names of the rows of the picture `row_per_class`.
        near: figures/neighbours.json, where there is one.
        by_class: a `pgpipe.metrics.by_class.Row` per class, where a classifier knows them.
    """
    return template("page.html").render(
        scores=list(score_rows(metrics)),
        metrics=metrics,
        params={name: list(leaves(section)) for name, section in params.items()},
        pictures={name: in_text(as_webp(data)) for name, data in pictures.items()},
        columns=columns,
        resolutions=list(resolutions),
        quick_images=quick_images,
        film=in_text(film),
        walk=in_text(walk),
        classes=list(classes),
        near=near,
        by_class=list(by_class),
        data=params["dataset"]["name"],
        system=params["model"]["name"],
    )


def template(name: str) -> jinja2.Template:
    """A page of this folder, in which values are text whatever they say."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, finalize=shown
    ).get_template(name)


def shown(value: object) -> object:
    """A value as a page has it: of a text what can be seen, line by line."""
    return "\n".join(map(visible, value.split("\n"))) if type(value) is str else value


def in_text(picture: bytes) -> str:
    """A file of pixels as a page has it."""
    return base64.b64encode(picture).decode()
