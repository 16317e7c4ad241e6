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
from pgpipe.processes import launch
from pgpipe.processes.group import Processes
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
    """Write reference/, in as many processes as the environment asks for."""
    launch.share(["reference"], reference)


def reference(group: Processes) -> None:
    """Write the reals that are compared with, their scores, the classifier: the first process."""
    params, device = read_params(Params), devices.exact()
    section = params.score
    store = ImageStore(images(int(params.final.removeprefix("r"))))
    order = rng.permutation(len(store), rng.key(section.seed, "reals", 0)).numpy()
    reals, others = order[: section.images], order[section.images : 2 * section.images]
    if group.writes:
        fresh_folder(REFERENCE)
        write_array(REFERENCE / "reals.npy", reals)
        write_png(REFERENCE / "reals.png", contact_sheet(Chosen(store, reals)))
    net, own = None, {}
    if SOURCES.exists():
        if group.writes:  # a fit and one evaluation: nothing to share
            own = score_modes(params, Chosen(store, order[: section.mode_samples]), store)
    elif read_manifest(MULTIRES)["labels"]:
        net = group.in_turn(lambda: fitted(params.reference, store, reals))
    # As if the reals were generated: against other reals, by a classifier that has not seen them.
    labels = read_labels(MULTIRES)[reals]
    halves = Chosen(store, reals), Chosen(store, others)
    of_reals = scores.of(*halves, net, section, device, labels, group)
    if section.inception:
        own |= score_features(section, store, order, group)
    if group.writes:
        write_json(FLOOR, of_reals | own)


def score_features(
    section: ScoreSection, store: ImageStore, order: NDArray[np.int64], group: Processes
) -> dict[str, float]:
    """Write the features that samples are compared with; their scores against as many others."""
    net, count = features.network(devices.exact()), section.fid_images

    def seen(chosen: NDArray[np.int64], name: str) -> features.Features:
        batches = stream(Chosen(store, chosen), group=group)()
        return features.of(net, track(batches, name, len(chosen) // group.count), group)

    of_reals = seen(order[: section.inception_fakes], "reference")
    if group.writes:
        write_array(FEATURES, of_reals.pooled[:count].numpy())
    against = seen(order[count : 2 * count], "others")
    return inception_scores.of(of_reals, against.pooled, section, group)


def score_modes(params: Params, reals: Readable, store: ImageStore) -> dict[str, float]:
    """Fit the digit classifier to the digits in the stacks; the modes that it finds in `reals`."""
    images, known = stacks.singles(store, read_labels(MULTIRES), np.load(SOURCES))
    net, accuracy = digits.fit(images, known, params.reference, devices.exact())
    classifier.save(DIGIT_CLASSIFIER, net)
    return {**modes.scores(net, [stream(reals)]), "digit_accuracy": accuracy}


def fitted(
    section: ReferenceSection, store: ImageStore, held_out: np.ndarray
) -> classifier.Classifier:
    """The classifier of the labels, which the process fits that comes first."""
    if not CLASSIFIER.exists():
        classifier.save(CLASSIFIER, train_classifier(section, store, held_out))
    return classifier.load(CLASSIFIER, devices.exact())


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
        devices.exact(),
    )
