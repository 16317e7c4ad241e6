"""reference: what the reals themselves score, and the classifier of their labels.

Paid once per data set and protocol, not per experiment.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pgpipe import devices, rng
from pgpipe.config import Section, read_params
from pgpipe.data import stacks
from pgpipe.data.multires import Chosen, ImageStore, read_labels, read_manifest
from pgpipe.files import fresh_folder, write_array, write_json
from pgpipe.images import Readable, contact_sheet, write_png
from pgpipe.metrics import classifier, digits, features, inception_scores, modes, scores
from pgpipe.metrics.config import ReferenceSection, ScoreSection
from pgpipe.metrics.streams import stream
from pgpipe.reporting.progress import track
from stages.paths import (
    CLASSIFIER,
    DIGIT_CLASSIFIER,
    FEATURES,
    FLOOR,
    MULTIRES,
    REFERENCE,
    SOURCES,
    images,
)


class Params(Section):
    """What it reads."""

    reference: ReferenceSection
    score: ScoreSection
    final: str = Field(alias="growth.final")


def run() -> None:
    """Write reference/: the reals that are compared with, their scores, the classifier."""
    params = read_params(Params)
    section, device = params.score, devices.choose()
    store = ImageStore(images(int(params.final.removeprefix("r"))))
    fresh_folder(REFERENCE)
    order = rng.permutation(len(store), rng.key(section.seed, "reals", 0)).numpy()
    reals, others = order[: section.images], order[section.images : 2 * section.images]
    write_array(REFERENCE / "reals.npy", reals)
    write_png(REFERENCE / "reals.png", contact_sheet(Chosen(store, reals)))
    net, own = None, {}
    if SOURCES.exists():
        own = score_modes(params, Chosen(store, order[: section.mode_samples]), store)
    elif read_manifest(MULTIRES)["labels"]:
        net = train_classifier(params.reference, store, reals)
        classifier.save(CLASSIFIER, net)
    # As if the reals were generated: against other reals, by a classifier that has not seen them.
    labels = read_labels(MULTIRES)[reals]
    of_reals = scores.of(Chosen(store, reals), Chosen(store, others), net, section, device, labels)
    if section.inception:
        own |= score_features(section, store, order)
    write_json(FLOOR, of_reals | own)


def score_features(
    section: ScoreSection, store: ImageStore, order: NDArray[np.int64]
) -> dict[str, float]:
    """Write the features that samples are compared with; their scores against as many others."""
    net, count = features.network(devices.choose()), section.fid_images
    first, others = order[: section.inception_fakes], order[count : 2 * count]
    of_reals = features.of(net, track(stream(Chosen(store, first))(), "reference", len(first)))
    write_array(FEATURES, of_reals.pooled[:count].numpy())
    against = features.of(net, track(stream(Chosen(store, others))(), "others", count))
    return inception_scores.of(of_reals, against.pooled, section)


def score_modes(params: Params, reals: Readable, store: ImageStore) -> dict[str, float]:
    """Fit the digit classifier to the digits in the stacks; the modes that it finds in `reals`."""
    images, known = stacks.singles(store, read_labels(MULTIRES), np.load(SOURCES))
    net, accuracy = digits.fit(images, known, params.reference, devices.choose())
    classifier.save(DIGIT_CLASSIFIER, net)
    return {**modes.scores(net, [stream(reals)]), "digit_accuracy": accuracy}


def train_classifier(
    section: ReferenceSection, store: ImageStore, held_out: np.ndarray
) -> classifier.Classifier:
    """Fit the classifier to all images but the reals that are compared with."""
    labels = read_labels(MULTIRES)
    seen = np.setdiff1d(np.arange(len(store)), held_out)
    return classifier.train(
        store.take(seen),
        labels[seen],
        round(1000 * section.classifier_kimg),
        section.classifier_learning_rate,
        section.seed,
        devices.choose(),
    )
