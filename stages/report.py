"""report: figures and a page from what the other stages wrote, and the whole run in the tracker."""

from pathlib import Path

import pandas as pd
from pydantic import Field

from pgpipe.config import PARAMS_FILE, Section, load_yaml, read_params
from pgpipe.data.multires import read_manifest
from pgpipe.files import fresh_folder, link_or_copy, read_json, write_bytes
from pgpipe.images import write_png
from pgpipe.reporting import figures, page
from pgpipe.tracking.tracker import Tracker
from pgpipe.training import result
from pgpipe.training.phase import PREVIEW_COLUMNS, PREVIEW_TILE
from stages.listeners import log_data, log_model
from stages.paths import FIGURES, METRICS, MULTIRES, PAGE, REFERENCE, REPORTS, SAMPLES, model
from stages.tracked import tracked


class Params(Section):
    """What it reads, beside showing all of params.yaml."""

    final: str = Field(alias="growth.final")


def run() -> None:
    """Write reports/: index.html, figures/, history.csv."""
    final = model(read_params(Params).final)
    history = pd.read_csv(final / result.HISTORY)
    with tracked("report", final=True) as tracker:
        write_figures(final, history)
        pictures = {path.stem: path.read_bytes() for path in sorted(FIGURES.glob("*.png"))}
        html = page.render(
            read_json(METRICS),
            load_yaml(PARAMS_FILE),
            pictures,
            PREVIEW_COLUMNS,
            [int(resolution) for resolution in history.resolution.unique()],
        )
        write_bytes(PAGE, html.encode())
        link_or_copy(final / result.HISTORY, REPORTS / "history.csv")
        log_all(tracker, final)


def write_figures(final: Path, history: pd.DataFrame) -> None:
    """Every picture of the page as a PNG of its own."""
    fresh_folder(FIGURES)
    for picture in (REFERENCE / "reals.png", *sorted(SAMPLES.glob("*.png"))):
        link_or_copy(picture, FIGURES / picture.name)
    write_png(
        FIGURES / "growth.png", figures.growth(final / result.PREVIEWS, history, PREVIEW_TILE)
    )
    write_bytes(FIGURES / "curves.png", page.png(figures.curves(history)))


def log_all(tracker: Tracker, final: Path) -> None:
    """Whatever DVC took from its cache: the run is complete all the same."""
    log_model(tracker, result.rows_of(final), final)
    log_data(tracker, read_manifest(MULTIRES))
    scores = {k: v for k, v in read_json(METRICS).items() if k not in ("images", "seed")}
    tracker.log_metrics(0, {f"score/{name}": value for name, value in scores.items()})
    for picture in sorted(FIGURES.glob("*.png")):
        tracker.log_artifact(picture, "figures")
    tracker.log_artifact(PAGE, "report")
