"""score: the samples against the reals, each score beside the reals' own."""

import sys

import numpy as np

from pgpipe import devices
from pgpipe.config import Section, read_params
from pgpipe.data.multires import Chosen, ImageStore
from pgpipe.files import read_json, write_json
from pgpipe.images import Images
from pgpipe.metrics import classifier, modes, scores
from pgpipe.metrics.config import ScoreSection
from pgpipe.metrics.streams import Stream, stream
from stages.paths import (
    CLASSIFIER,
    DIGIT_CLASSIFIER,
    DRAWN,
    DRAWN_LABELS,
    FLOOR,
    METRICS,
    REFERENCE,
    images,
)

# What the reals' own value is called: a distance has a floor, a property of images a real value.
OWN = {
    "swd": "floor",
    "ms_ssim": "real",
    "classifier_score": "real",
    "label_accuracy": "real",
    "modes_found": "real",
    "mode_kl": "real",
}


class Params(Section):
    """What it reads."""

    score: ScoreSection


def run() -> None:
    """Write reports/metrics.json."""
    section, device = read_params(Params).score, devices.choose()
    fakes = np.load(DRAWN, mmap_mode="c")
    labels = np.load(DRAWN_LABELS) if DRAWN_LABELS.exists() else None
    reals = Chosen(ImageStore(images(fakes.shape[1])), np.load(REFERENCE / "reals.npy"))
    net = classifier.load(CLASSIFIER, device) if CLASSIFIER.exists() else None
    found = scores.of(fakes, reals, net, section, device, labels)
    facts = {"images": section.swd_images, "seed": section.seed}
    if DIGIT_CLASSIFIER.exists():
        digits = classifier.load(DIGIT_CLASSIFIER, device)
        found |= modes.scores(digits, evaluations(fakes, section))
        facts |= {k: v for k, v in section.model_dump().items() if k.startswith("mode_")}
    elif net is None:
        print("score: the data set has no labels: no classifier_score", file=sys.stderr)  # noqa: T201
    write_json(METRICS, {**beside(found, read_json(FLOOR)), **facts})


def evaluations(fakes: Images, section: ScoreSection) -> list[Stream]:
    """The parts of the images whose modes are counted apart."""
    parts = np.split(fakes[: section.mode_images], section.mode_evaluations)  # views of the file
    return [stream(part) for part in parts]


def beside(found: dict[str, float], own: dict[str, float]) -> dict[str, float]:
    """Each score, and after it what the reals score: `swd_avg`, `swd_avg_floor`, ..."""
    both: dict[str, float] = {}
    for name, value in found.items():
        both[name] = value
        if not name.endswith(("_std", "_low", "_high")):
            kind = next(kind for start, kind in OWN.items() if name.startswith(start))
            both[f"{name}_{kind}"] = own[name]
    return both
