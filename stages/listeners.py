"""Who listens to the training: the terminal and the tracker."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pgpipe.config import PARAMS_FILE, Section, load_yaml, read_params
from pgpipe.estimate import rates
from pgpipe.gan.schedule import GrowthSection, Phase
from pgpipe.gan.systems import SYSTEMS
from pgpipe.metrics.table import QUICK
from pgpipe.plumbing import sealed, startfile, tensors
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.plumbing.layout import PREVIEWS, SCORES
from pgpipe.plumbing.project import project_root
from pgpipe.plumbing.provenance import running
from pgpipe.plumbing.terminal import warn
from pgpipe.reporting.progress import Meter
from pgpipe.tracking import model
from pgpipe.tracking.system import system_metrics
from pgpipe.tracking.tracker import Tracker
from pgpipe.training.history import PLACE, Row
from pgpipe.training.snapshots import read_rows
from stages.paths import START

KIMG = 1000
SCHEDULE = {*PLACE, "minibatch", "learning_rate"}  # in a row of the history
PREVIEW_KEY = "previews/fixed-latents"  # the section and the name of MLflow's image grid
DRAWS = "pgpipe.drawing.served"  # by which a generator draws in MLflow
BUNDLED = {"photos": "scikit-image", "digits-1k": "scikit-learn"}  # data sets and who carries them


class Growth(Section):
    """The growth, as the terminal tells it."""

    growth: GrowthSection


def title(key: str) -> str:
    """Return what a phase's meter is called: `train@r8 (2 of 4)`."""
    chain = [name for name, _ in read_params(Growth).growth.chain()]
    return f"train@{key}" + (f" ({chain.index(key) + 1} of {len(chain)})" if key in chain else "")


def later(key: str) -> float | None:
    """Return the seconds of the phases after one; None where one was never trained here."""
    chain = read_params(Growth).growth.chain()
    place = next((n for n, (name, _) in enumerate(chain) if name == key), len(chain))
    phases = [phase for _, phase in chain[place + 1 :]]
    hours = rates.hours(project_root(), load_yaml(PARAMS_FILE), phases)
    return None if hours is None else 3600 * hours


def speed_of(phase: Phase) -> str:
    """Return what the speed of a phase is remembered by."""
    return rates.key_of(load_yaml(PARAMS_FILE), phase)


class Listeners:
    """Passes each tick's row on as metrics and as the meter's note, and previews as artifacts."""

    def __init__(self, meter: Meter, tracker: Tracker, resolution: int, speed: str = "") -> None:
        self.meter, self.tracker, self.resolution = meter, tracker, resolution
        self.speed = speed  # what the images per second are remembered by; "": they are not
        self.losses = ""
        self.since = (time.monotonic(), 0.0)  # of the last tick: when, and its kimg

    def on_step(self, images: int, fade: float) -> None:
        """Move the meter."""
        note = f"{images / KIMG:.1f} kimg, {self.resolution}x{self.resolution}, fade {fade:.2f}"
        self.meter.update(images, note + self.losses)

    def on_tick(self, row: Row, preview: Path) -> None:
        """Log a row, the speed since the last one, and the state of the machine."""
        known = [(name[-1].upper(), row.get(name)) for name in ("loss_d", "loss_g")]
        told = " ".join(f"{of} {loss:.2f}" for of, loss in known if loss is not None)
        self.losses = f", loss {told}"
        now, kimg = time.monotonic(), row["kimg"]
        then, kimg_then = self.since
        self.since = (now, kimg)
        log_row(self.tracker, row)
        seen = round(kimg * KIMG)
        if kimg_then:
            speed = KIMG * (kimg - kimg_then) / (now - then)
            self.tracker.log_metrics(seen, {"train/images_per_second": speed})
            if self.speed:
                rates.remember(project_root(), self.speed, speed)
        self.tracker.log_metrics(seen, system_metrics())
        self.tracker.log_image(preview, PREVIEW_KEY, seen)

    def on_scores(self, row: Row) -> None:
        """Log quick scores."""
        log_scores(self.tracker, row)

    def on_rollback(self, tensor: str, at: float, to: float) -> None:
        """Say it, and tag the run with it."""
        told = f"{tensor} was not finite at {at:g} kimg; trained again from {to:g} kimg"
        self.tracker.set_tags({"rollback": told})
        warn(told)


def log_scores(tracker: Tracker, row: Mapping[Any, Any]) -> None:
    """Log the main ones of a row of quick scores, at the step that its kimg say."""
    values = {f"quick/{name}": float(row[name]) for name in QUICK if name in row}
    tracker.log_metrics(round(float(row["kimg"]) * KIMG), values)


def log_row(tracker: Tracker, row: Mapping[Any, Any]) -> None:
    """Log a row's numbers, at the step that its kimg say; the parameters tell its schedule."""
    values = {f"train/{name}": float(v) for name, v in row.items() if name not in SCHEDULE}
    tracker.log_metrics(round(row["kimg"] * KIMG), values)


def log_model(tracker: Tracker, rows: Sequence[Mapping[Any, Any]], folder: Path) -> None:
    """Log a whole history, its scores and previews: what phases not run now left behind."""
    phases = dict.fromkeys(row["phase"] for row in rows)
    drawn = {phase: iter(sealed.files(folder / PREVIEWS, f"{phase}-*.png")) for phase in phases}
    for row in rows:
        log_row(tracker, row)
        if (preview := next(drawn[row["phase"]], None)) is not None:
            tracker.log_image(preview, PREVIEW_KEY, round(row["kimg"] * KIMG))
    for row in read_rows(folder / SCORES):
        log_scores(tracker, row)


TEXTS = ("red heart", "green apple")  # in the example of a model that draws captions


def log_generator(tracker: Tracker, file: Path) -> None:
    """Log a generator as a model, which MLflow loads and serves, with the code that draws."""
    facts = tensors.read_facts(file)
    spec, labels = facts["spec"], facts.get("labels", [])
    numbers = tuple(map(str, range(spec["classes"])))
    classes = tuple(labels) if len(labels) == len(numbers) else numbers
    if spec.get("captions"):
        classes = TEXTS
    drawn = model.Drawn(facts["resolution"], spec["channels"], classes)
    code = running().archive([DRAWS, SYSTEMS[spec["name"]].sampled_network.where])
    for path, data in model.files(file.name, sealed.content(file), code, drawn).items():
        tracker.log_content(path, data)
    tracker.set_tags(model.TAG)


def log_data(tracker: Tracker, manifest: Mapping[str, Any]) -> None:
    """Name the data set that the run is trained on, and the networks that it starts from."""
    profile = {"count": manifest["count"], "labels": ", ".join(manifest["labels"])}
    digest = sha256_json(manifest["arrays"])
    dataset = load_yaml(PARAMS_FILE)["dataset"]
    tracker.log_dataset(
        dataset["name"],
        digest[:32],
        BUNDLED.get(dataset["name"], dataset["path"]),
        profile,
    )
    start = startfile.seen(START)
    tracker.set_tags({"data": digest, **({"start": start} if start else {})})
