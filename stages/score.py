"""score: the samples against the reals, each score beside the reals' own."""

import sys
from collections.abc import Container, Iterator
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
from pgpipe.processes import launch
from pgpipe.processes.group import Processes
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
    """Write reports/metrics.json, in as many processes as the environment asks for."""
    launch.share(["score"], score)


def score(group: Processes) -> None:
    """The selected tick's scores, and the last one's, if another; the first process writes."""
    section, drawn, device = read_params(Params).score, read_json(DRAWN_FACTS), devices.exact()
    found = scores_of(DRAWN, section, device, group)
    last = scores_of(DRAWN_LAST, section, device, group) if DRAWN_LAST.exists() else {}
    if not group.writes:
        return
    for note in notes(found, section):
        print(f"score: {note}", file=sys.stderr)  # noqa: T201
    facts = protocol.facts(found, section, np.load(DRAWN, mmap_mode="c").shape[1])
    of_last = {f"last_{name}": value for name, value in last.items()}
    write_json(METRICS, {**scores.beside(found, read_json(FLOOR)), **of_last, **drawn, **facts})


def scores_of(
    file: Path, section: ScoreSection, device: torch.device, group: Processes
) -> dict[str, float]:
    """All scores of the samples in a file, to which each process of a group adds its share."""
    fakes = np.load(file, mmap_mode="c")
    labels = np.load(DRAWN_LABELS) if DRAWN_LABELS.exists() else None
    reals = Chosen(ImageStore(images(fakes.shape[1])), np.load(REFERENCE / "reals.npy"))
    net = classifier.load(CLASSIFIER, device) if CLASSIFIER.exists() else None
    found = scores.of(fakes, reals, net, section, device, labels, group)
    if DIGIT_CLASSIFIER.exists():
        digits = classifier.load(DIGIT_CLASSIFIER, device)
        found |= modes.scores(digits, evaluations(fakes, section), group)
    if section.inception:
        found |= score_features(fakes, section, device, group)
    return found


def notes(found: Container[str], section: ScoreSection) -> Iterator[str]:
    """A line about scores that are not there."""
    if "classifier_score" not in found and "modes_found" not in found:
        yield "the data set has no labels: no classifier_score"
    if not section.inception:
        yield f"score.inception is false: no {SCORES}; `pgpipe weights` fetches their network"


def score_features(
    fakes: Images, section: ScoreSection, device: torch.device, group: Processes
) -> dict[str, float]:
    """The scores that take the Inception network, against the features of the reals."""
    count = section.inception_fakes
    batches = track(stream(fakes, count, group)(), "score", count // group.count)
    seen = features.of(features.network(device), batches, group)
    return inception_scores.of(seen, torch.from_numpy(np.load(FEATURES)), section, group)


def evaluations(fakes: Images, section: ScoreSection) -> list[Stream]:
    """The parts of the images whose modes are counted apart."""
    parts = np.split(fakes[: section.mode_images], section.mode_evaluations)  # views of the file
    return [stream(part) for part in parts]
