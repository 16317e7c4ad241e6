"""score: the samples against the reals, each score beside the reals' own."""

import sys
from pathlib import Path

import numpy as np
import torch

from pgpipe import devices
from pgpipe.config import Section, read_params
from pgpipe.data.multires import Chosen, ImageStore
from pgpipe.files import read_json, write_json
from pgpipe.images import Images
from pgpipe.metrics import classifier, features, inception_scores, modes, protocol, scores
from pgpipe.metrics.config import ScoreSection
from pgpipe.metrics.inception_file import SCORES
from pgpipe.metrics.streams import Stream, stream
from pgpipe.reporting.progress import track
from stages.paths import (
    CLASSIFIER,
    DIGIT_CLASSIFIER,
    DRAWN,
    DRAWN_FACTS,
    DRAWN_LABELS,
    DRAWN_LAST,
    FEATURES,
    FLOOR,
    METRICS,
    REFERENCE,
    images,
)


class Params(Section):
    """What it reads."""

    score: ScoreSection


def run() -> None:
    """Write reports/metrics.json: the selected tick's scores, and the last one's, if another."""
    section, drawn = read_params(Params).score, read_json(DRAWN_FACTS)
    found = score(DRAWN, section)
    facts = protocol.facts(found, section, np.load(DRAWN, mmap_mode="c").shape[1])
    last = score(DRAWN_LAST, section) if DRAWN_LAST.exists() else {}
    if not section.inception:
        say(f"score.inception is false: no {SCORES}; `pgpipe weights` fetches their network")
    of_last = {f"last_{name}": value for name, value in last.items()}
    write_json(METRICS, {**scores.beside(found, read_json(FLOOR)), **of_last, **drawn, **facts})


def score(file: Path, section: ScoreSection) -> dict[str, float]:
    """All scores of the samples in a file."""
    fakes, device = np.load(file, mmap_mode="c"), devices.choose()
    labels = np.load(DRAWN_LABELS) if DRAWN_LABELS.exists() else None
    reals = Chosen(ImageStore(images(fakes.shape[1])), np.load(REFERENCE / "reals.npy"))
    net = classifier.load(CLASSIFIER, device) if CLASSIFIER.exists() else None
    found = scores.of(fakes, reals, net, section, device, labels)
    if DIGIT_CLASSIFIER.exists():
        digits = classifier.load(DIGIT_CLASSIFIER, device)
        found |= modes.scores(digits, evaluations(fakes, section))
    elif net is None:
        say("the data set has no labels: no classifier_score")
    if section.inception:
        found |= score_features(fakes, section, device)
    return found


def say(what: str) -> None:
    """One line about a score that is not there."""
    print(f"score: {what}", file=sys.stderr)  # noqa: T201


def score_features(fakes: Images, section: ScoreSection, device: torch.device) -> dict[str, float]:
    """The scores that take the Inception network, against the features of the reals."""
    count = section.inception_fakes
    batches = track(stream(fakes, count)(), "score", count)
    seen = features.of(features.network(device), batches)
    return inception_scores.of(seen, torch.from_numpy(np.load(FEATURES)), section)


def evaluations(fakes: Images, section: ScoreSection) -> list[Stream]:
    """The parts of the images whose modes are counted apart."""
    parts = np.split(fakes[: section.mode_images], section.mode_evaluations)  # views of the file
    return [stream(part) for part in parts]
