"""report: figures and a page from what the other stages wrote, and the whole run in the tracker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from pgpipe.config import PARAMS_FILE, PhaseKey, Section, load_yaml, read_params
from pgpipe.data.feeding import mirrored
from pgpipe.data.feeding.multires import Chosen, ImageStore, everything, read_labels, read_manifest
from pgpipe.drawing import films, growth, walks
from pgpipe.drawing.neighbours import beside_neighbours
from pgpipe.gan.sampling import load_generator
from pgpipe.images import write_png
from pgpipe.metrics import classifier
from pgpipe.metrics.by_class import Row, beside_reals, by_class, csv_of
from pgpipe.plumbing import devices, sealed, tensors
from pgpipe.plumbing.files import fresh_folder, link_or_copy, write_bytes, write_json
from pgpipe.plumbing.layout import (
    GENERATOR,
    HISTORY,
    PREVIEW_COLUMNS,
    PREVIEW_TILE,
    PREVIEWS,
    SCORES,
)
from pgpipe.plumbing.terminal import say, warn
from pgpipe.reporting import figures, page, run_note
from pgpipe.reporting.figures import History
from pgpipe.scoring import neighbours
from pgpipe.tracking.spool import THIS_RUN
from pgpipe.tracking.tracker import NullTracker, Tracker
from stages import paths
from stages.listeners import log_data, log_generator, log_model
from stages.paths import (
    CLASSIFIER,
    DRAWN,
    DRAWN_LABELS,
    DRAWN_ROWS,
    FIGURES,
    METRICS,
    MULTIRES,
    PAGE,
    REALS,
    REALS_PICTURE,
    SAMPLES,
    SOURCES,
    images,
    model,
)
from stages.tracked import tracked

FILM, FILM_ROWS, FILM_FRAMES, FILM_RATE = "growth.webp", 2, 60, 8.0
WALK, WALK_STOPS, WALK_FRAMES, WALK_RATE = "walk.webp", 8, 8, 12.0  # frames from stop to stop
DESCRIBED = (FILM, "random.png")  # pictures in the run's description
COMPARED, COMPARED_ROWS = 1024, 4  # generated images beside their neighbours: in all, shown
JUDGED = 4096  # at most so many of the scored images, and of the reals, class by class


class Params(Section):
    """What it reads, beside showing all of params.yaml."""

    final: PhaseKey = Field(alias="growth.final")
    mirror: bool = Field(alias="train.mirror")


def run() -> None:
    """Write reports/: index.html, figures/, history.csv, quick_scores.csv."""
    params = read_params(Params)
    final = model(params.final)
    history = figures.read_history(final / HISTORY)
    with tracked("report", final=True) as tracker:
        write_figures(final, history)
        near = None if sealed.has(SOURCES) else write_neighbours(params.mirror)
        classes = write_classes(params.mirror)
        pictures = {path.stem: path.read_bytes() for path in sorted(FIGURES.glob("*.png"))}
        html = page.render(
            sealed.read_json(METRICS),
            load_yaml(PARAMS_FILE),
            pictures,
            PREVIEW_COLUMNS,
            [int(resolution) for resolution in history.resolution.unique()],
            quick_images(final),
            (FIGURES / FILM).read_bytes(),
            (FIGURES / WALK).read_bytes(),
            captions() or tensors.read_facts(final / GENERATOR)["labels"],
            near,
            classes,
        )
        write_bytes(PAGE, html.encode())
        hand_on_history(final, history)
        link_or_copy(final / SCORES, paths.QUICK_SCORES)
        log_all(tracker, final, history)
        if near is not None:
            log_neighbours(tracker, near)
    say(
        f"{PAGE}: {page.in_one_line(sealed.read_json(METRICS))}; in brackets the reals' own",
        "next: open that page in a browser; `pgpipe ui` has the curves of all experiments, "
        "`pgpipe generate` and `pgpipe walk` draw more",
    )


def quick_images(final: Path) -> int:
    """Images that the last quick score was made of; 0 without quick scores."""
    rows = figures.read_history(final / SCORES)
    return int(rows.images.iloc[-1]) if len(rows) else 0


def write_figures(final: Path, history: History) -> None:
    """Every picture of the page as a PNG of its own."""
    fresh_folder(FIGURES)
    sampled = {
        SAMPLES / "random.png",
        SAMPLES / "interpolation.png",
        *sealed.files(SAMPLES, "*.png"),
    }
    sealed.hand_on([REALS_PICTURE, *sorted(sampled)], FIGURES)
    write_png(FIGURES / "growth.png", figures.growth(final / PREVIEWS, history, PREVIEW_COLUMNS))
    write_bytes(FIGURES / "curves.png", page.png(figures.curves(history)))
    films.write_webp(FIGURES / FILM, growth.frames(final, FILM_ROWS, FILM_FRAMES), FILM_RATE)
    generator = load_generator(final / GENERATOR, devices.exact())
    walked = walks.in_small(generator, WALK_STOPS, WALK_FRAMES, PREVIEW_TILE, captions())
    films.write_webp(FIGURES / WALK, walked, WALK_RATE)
    scores = figures.read_history(final / SCORES)
    if len(scores):
        drawn = figures.quick_scores(scores, history, sealed.read_json(METRICS)["kimg"])
        write_bytes(FIGURES / "quick_scores.png", page.png(drawn))


def captions() -> list[str]:
    """Return the captions that are shown, of a generator that draws them."""
    found: list[str] = sealed.read_json(DRAWN_ROWS) if sealed.has(DRAWN_ROWS) else []
    return found


def hand_on_history(final: Path, history: History) -> None:
    """Write history.csv, with empty columns of what DVC's plots show and the system has not.

    DVC draws none of a plot's lines where a column of one is missing.
    """
    missing = [name for name in figures.PLOTTED if name not in history]
    if not missing:
        link_or_copy(final / HISTORY, paths.HISTORY)
        return
    filled = history.assign(**dict.fromkeys(missing, ""))
    write_bytes(paths.HISTORY, filled.to_csv(index=False).encode())


def write_neighbours(mirror: bool) -> dict[str, Any]:
    """Write the picture and the numbers of samples beside the nearest training images.

    Of stacked digits that would say nothing: all are made of the same ones.
    """
    drawn = sealed.read_array(DRAWN, "c")[:COMPARED]
    side, device = drawn.shape[1], devices.exact()
    features = neighbours.best_features(MULTIRES, CLASSIFIER, side, device, inception=False)
    spaces = [neighbours.pixels(side, device), features]
    found = neighbours.compare(MULTIRES, drawn, spaces, mirror)
    reals, training = neighbours.reals_of(MULTIRES, side), neighbours.training_of(MULTIRES, side)
    names = [f"sample {number}" for number in range(len(drawn))]
    picture = beside_neighbours(
        found, drawn, names, reals.images, reals.names, everything(training), COMPARED_ROWS
    )
    write_png(FIGURES / "neighbours.png", picture)
    known = neighbours.facts(found, MULTIRES, mirror)
    write_json(FIGURES / "neighbours.json", known)
    if known["copies"]:
        warn(f"the generator copies training images: see {FIGURES / 'neighbours.png'}")
    return known


def write_classes(mirror: bool) -> list[Row]:
    """Write each class apart, beside its reals; none where no classifier knows the labels."""
    if not (sealed.has(CLASSIFIER) and sealed.has(DRAWN_LABELS)):
        return []
    device, labels = devices.exact(), read_labels(MULTIRES)
    metrics = sealed.read_json(METRICS)
    count = min(JUDGED, metrics["images"])
    drawn = sealed.read_array(DRAWN, "c")[:count]
    store = mirrored.seen(ImageStore(images(drawn.shape[1])), mirror, metrics["seed"])
    reals = sealed.read_array(REALS)[:count]
    net, names = classifier.load(CLASSIFIER, device), read_manifest(MULTIRES)["labels"]
    own = sealed.read_array(DRAWN_LABELS)[: len(drawn)]
    rows = beside_reals(
        by_class(drawn, own, names, net, device),
        by_class(Chosen(store, reals), labels[reals], names, net, device),
    )
    write_bytes(FIGURES / "classes.csv", csv_of(rows))
    return rows


def log_neighbours(tracker: Tracker, known: Mapping[str, Any]) -> None:
    """Log whether the generator copies, and the shares that say so."""
    shares = {f"neighbours/{name}": space["share"] for name, space in known["spaces"].items()}
    tracker.log_metrics(0, shares)
    tracker.set_tags({"copies": str(known["copies"]).lower()})


def log_all(tracker: Tracker, final: Path, history: History) -> None:
    """Whatever DVC took from its cache: the run is complete all the same."""
    if isinstance(tracker, NullTracker):  # all of the below takes a second
        return
    log_model(tracker, history.to_dict("records"), final)
    log_data(tracker, read_manifest(MULTIRES))
    metrics = sealed.read_json(METRICS)
    scores = {f"score/{name}": metrics[name] for _, name in page.main_scores(metrics)}
    tracker.log_metrics(round(1000 * metrics["kimg"]), scores)
    pictures = [FIGURES / FILM, FIGURES / WALK, *sorted(FIGURES.glob("*.png"))]
    for picture in pictures:
        tracker.log_artifact(picture, "figures")
    tracker.log_artifact(PAGE, "report")
    log_generator(tracker, final / GENERATOR)
    shown = [f"figures/{picture.name}" for picture in pictures if picture.name in DESCRIBED]
    quick = figures.read_history(final / SCORES).tail(1).dropna(axis=1).to_dict("records")
    told = run_note.note(THIS_RUN, shown, metrics, *quick)
    tracker.set_tags({"protocol": metrics["protocol"], "mlflow.note.content": told})
