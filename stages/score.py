"""score: the samples against the reals, each score beside the reals' own."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from pgpipe.config import Section, read_params
from pgpipe.data.feeding import mirrored
from pgpipe.data.feeding.multires import Chosen, ImageStore
from pgpipe.images import Images
from pgpipe.metrics import classifier, features, protocol, reconstruction, retrieval, scores
from pgpipe.metrics.config import Protocol, ScoreSection, protocol_for
from pgpipe.metrics.inception_file import SCORES
from pgpipe.metrics.streams import Stream, stream
from pgpipe.plumbing import devices, sealed
from pgpipe.plumbing.files import write_json
from pgpipe.plumbing.processes import launch
from pgpipe.plumbing.processes.group import Processes
from pgpipe.plumbing.terminal import note
from pgpipe.reporting.progress import track
from stages.paths import (
    CLASSIFIER,
    DIGIT_CLASSIFIER,
    DRAWN,
    DRAWN_CAPTIONS,
    DRAWN_FACTS,
    DRAWN_LABELS,
    DRAWN_LAST,
    FEATURES,
    FLOOR,
    METRICS,
    ORIGINALS,
    REALS,
    RECONSTRUCTED,
    REPORTS,
    RETRIEVAL,
    images,
)


class Params(Section):
    """The parameters that the stage reads."""

    score: ScoreSection
    mirror: bool = Field(alias="train.mirror")


def run() -> None:
    """Write reports/metrics.json, in as many processes as the environment asks for."""
    launch.share(["score"], score)


def score(group: Processes) -> None:
    """The selected tick's scores, and the last one's, if another; the first process writes."""
    params, drawn, device = read_params(Params), sealed.read_json(DRAWN_FACTS), devices.exact()
    side = sealed.read_array(DRAWN, "c").shape[1]
    stored = ImageStore(images(side))
    numbers = protocol_for(params.score, len(stored), params.mirror)
    store = mirrored.seen(stored, numbers.mirror, numbers.seed)
    reals = Chosen(store, sealed.read_array(REALS))
    found, own = scores_of(DRAWN, reals, numbers, device, group), sealed.read_json(FLOOR)
    if sealed.has(RECONSTRUCTED):
        left = sealed.read_array(RECONSTRUCTED, "c")
        originals = sealed.read_array(ORIGINALS, "c")[: drawn["reconstructed"]]
        found |= scores.of_reconstructions(originals, left, reals, numbers, device, group)
        own |= reconstruction.of_reals(own)
    last = scores_of(DRAWN_LAST, reals, numbers, device, group) if sealed.has(DRAWN_LAST) else {}
    if not group.writes:
        return
    beside = scores.beside(found, own)
    for line in notes(beside, numbers, len(stored)):
        note(f"score: {line}")
    of_last = {f"last_{name}": value for name, value in last.items()}
    write_json(METRICS, {**beside, **of_last, **drawn, **protocol.facts(found, numbers, side)})
    sealed.seal(REPORTS, METRICS)


def scores_of(
    file: Path, reals: Chosen, numbers: Protocol, device: torch.device, group: Processes
) -> scores.Scores:
    """All scores of the samples in a file, to which each process of a group adds its share."""
    fakes = sealed.read_array(file, "c")
    labels = sealed.read_array(DRAWN_LABELS) if sealed.has(DRAWN_LABELS) else None
    net = classifier.load(CLASSIFIER, device) if sealed.has(CLASSIFIER) else None
    found = scores.of(fakes, reals, net, numbers, device, labels, group)
    if sealed.has(DIGIT_CLASSIFIER):
        digits = classifier.load(DIGIT_CLASSIFIER, device)
        found |= scores.of_digits(digits, evaluations(fakes, numbers))
    if sealed.has(RETRIEVAL) and sealed.has(DRAWN_CAPTIONS):
        captions = sealed.read_array(DRAWN_CAPTIONS)
        found |= scores.of_captions(retrieval.load(RETRIEVAL, device), fakes, captions, numbers)
    if numbers.inception:
        found |= score_features(fakes, numbers, device, group)
    return found


def notes(found: Mapping[str, float | None], numbers: Protocol, images: int) -> Iterator[str]:
    """Lines about what is not there, from the scores beside the reals' own."""
    if "classifier_score" not in found and "modes_found" not in found:
        yield "the data set has no two labels: no classifier_score"
    missing = ", ".join(name for name, value in found.items() if value is None)
    if missing:
        yield f"{images} images leave no others to compare reals with, so these are null: {missing}"
    if not numbers.inception:
        yield f"score.inception is false: no {SCORES}; `pgpipe weights` fetches their network"


def score_features(
    fakes: Images, numbers: Protocol, device: torch.device, group: Processes
) -> scores.Scores:
    """The scores that take the Inception network, against the features of the reals."""
    count = numbers.inception_fakes
    batches = track(stream(fakes, count, group)(), "score", count // group.count)
    seen = features.of(features.network(device), batches, group)
    return scores.of_features(seen, torch.from_numpy(sealed.read_array(FEATURES)), numbers)


def evaluations(fakes: Images, numbers: Protocol) -> list[Stream]:
    """The parts of the images whose modes are counted apart."""
    parts = np.split(fakes[: numbers.mode_images], numbers.mode_evaluations)  # views of the file
    return [stream(part) for part in parts]
