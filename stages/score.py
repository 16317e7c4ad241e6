"""score: the samples against the reals, each score beside the reals' own."""

import sys

import numpy as np

from pgpipe import devices
from pgpipe.config import Section, read_params
from pgpipe.data.multires import ImageStore
from pgpipe.files import read_json, write_json
from pgpipe.metrics import classifier, scores
from pgpipe.metrics.config import ScoreSection
from stages.paths import METRICS, REFERENCE, SAMPLES, images

# What the reals' own value is called: a distance has a floor, a property of images a real value.
OWN = {"swd": "floor", "ms_ssim": "real", "classifier_score": "real"}


class Params(Section):
    """What it reads."""

    score: ScoreSection


def run() -> None:
    """Write reports/metrics.json."""
    section, device = read_params(Params).score, devices.choose()
    fakes = np.load(SAMPLES / "images.npy", mmap_mode="c")
    reals = ImageStore(images(fakes.shape[1])).take(np.load(REFERENCE / "reals.npy"))
    file = REFERENCE / "classifier.safetensors"
    net = classifier.load(file, device) if file.exists() else None
    if net is None:
        print("score: the data set has no labels: no classifier_score", file=sys.stderr)  # noqa: T201
    found = beside(
        scores.of(fakes, reals, net, section, device), read_json(REFERENCE / "floor.json")
    )
    write_json(METRICS, {**found, "images": section.swd_images, "seed": section.seed})


def beside(found: dict[str, float], own: dict[str, float]) -> dict[str, float]:
    """Each score, and after it what the reals score: `swd_avg`, `swd_avg_floor`, ..."""
    both: dict[str, float] = {}
    for name, value in found.items():
        both[name] = value
        if not name.endswith("_std"):
            kind = next(kind for start, kind in OWN.items() if name.startswith(start))
            both[f"{name}_{kind}"] = own[name]
    return both
