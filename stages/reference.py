"""reference: what the reals themselves score, and the classifier of their labels.

Paid once per data set and protocol, not per experiment.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from pgpipe import rng
from pgpipe.config import PhaseKey, Section, read_params
from pgpipe.data.feeding import mirrored
from pgpipe.data.feeding.multires import (
    Chosen,
    ImageStore,
    read_captions,
    read_labels,
    read_manifest,
)
from pgpipe.data.sources import stacks
from pgpipe.gan import text
from pgpipe.images import Readable, contact_sheet, write_png
from pgpipe.metrics import classifier, digits, features, retrieval, scores
from pgpipe.metrics.config import (
    Protocol,
    ReferenceSection,
    ScoreSection,
    has_floor,
    protocol_for,
)
from pgpipe.metrics.streams import stream
from pgpipe.plumbing import devices, sealed
from pgpipe.plumbing.files import fresh_folder, write_array, write_json
from pgpipe.plumbing.processes import launch
from pgpipe.plumbing.processes.group import Processes
from pgpipe.reporting.progress import track
from stages.paths import (
    CLASSIFIER,
    DIGIT_CLASSIFIER,
    FEATURES,
    FLOOR,
    MULTIRES,
    REALS,
    REALS_PICTURE,
    REFERENCE,
    RETRIEVAL,
    SOURCES,
    images,
)


class Params(Section):
    """The parameters that the stage reads."""

    reference: ReferenceSection
    score: ScoreSection
    mirror: bool = Field(alias="train.mirror")
    final: PhaseKey = Field(alias="growth.final")


def run() -> None:
    """Write reference/, in as many processes as the environment asks for."""
    launch.share(["reference"], reference)


def reference(group: Processes) -> None:
    """Write the reals that are compared with, their scores, the classifier: the first process."""
    params, device = read_params(Params), devices.exact()
    stored = ImageStore(images(int(params.final.removeprefix("r"))))
    protocol = protocol_for(params.score, len(stored), params.mirror)
    store = mirrored.seen(stored, protocol.mirror, protocol.seed)
    order = mirrored.order(len(store), protocol.seed)
    count = protocol.images
    reals, others = order[:count], order[count : 2 * count]
    if group.writes:
        fresh_folder(REFERENCE)
        write_array(REALS, reals)
        write_png(REALS_PICTURE, contact_sheet(Chosen(store, reals)))
    net: classifier.Classifier | None = None
    own: scores.Scores = {}
    if sealed.has(SOURCES):
        if group.writes:  # a fit and one evaluation: nothing to share
            some = Chosen(store, order[: protocol.mode_samples])
            own |= score_modes(params.reference, some, store)
    elif (classes := len(read_manifest(MULTIRES)["labels"])) > 1:
        net = group.in_turn(lambda: fitted(params.reference, store, reals, classes))
    if group.writes and len({*(captions := read_captions(MULTIRES))}) > 1:
        own |= score_captions(params.reference, store, reals, captions, protocol)
    # As if the reals were generated: against other reals, by a classifier that has not seen them.
    labels = read_labels(MULTIRES)[reals]
    against = Chosen(store, others) if has_floor(count, len(store)) else None
    compared = Chosen(store, reals)
    of_reals = scores.of(compared, against, net, protocol, device, labels, group)
    if protocol.inception:
        own |= score_features(protocol, store, order, group)
    if group.writes:
        write_json(FLOOR, of_reals | own)
        sealed.seal(REFERENCE)


def score_features(
    protocol: Protocol, store: ImageStore, order: NDArray[np.int64], group: Processes
) -> scores.Scores:
    """Write the features that samples are compared with; their scores against as many others."""
    net, count = features.network(devices.exact()), protocol.fid_images

    def seen(chosen: NDArray[np.int64], name: str) -> features.Features:
        batches = stream(Chosen(store, chosen), group=group)()
        return features.of(net, track(batches, name, len(chosen) // group.count), group)

    of_reals = seen(order[: protocol.inception_fakes], "reference")
    if group.writes:
        write_array(FEATURES, of_reals.pooled[:count].numpy())
    others = None
    if has_floor(count, len(store)):
        others = seen(order[count : 2 * count], "others").pooled
    return scores.of_features(of_reals, others, protocol)


def score_modes(section: ReferenceSection, reals: Readable, store: ImageStore) -> scores.Scores:
    """Fit the digit classifier to the digits in the stacks; the modes that it finds in `reals`."""
    images, known = stacks.singles(store, read_labels(MULTIRES), sealed.read_array(SOURCES))
    net, accuracy = digits.fit(images, known, section, devices.exact())
    classifier.save(DIGIT_CLASSIFIER, net)
    return {**scores.of_digits(net, [stream(reals)]), "digit_accuracy": accuracy}


def score_captions(
    section: ReferenceSection,
    store: ImageStore,
    compared: NDArray[np.int64],
    captions: list[str],
    protocol: Protocol,
) -> scores.Scores:
    """Fit the network that finds captions, to half of them; how often it finds those of the reals.

    The others, the reals' own among them as far as they are half, are compared: it has seen none.
    """
    texts, numbers = text.distinct(captions)
    codes = text.encode(texts)
    order = rng.permutation(len(texts), rng.key(protocol.seed, "captions", 0)).numpy()
    first = np.argsort(~np.isin(order, numbers[compared]), kind="stable")
    unseen = np.sort(order[first[: (len(texts) + 1) // 2]])
    others = np.setdiff1d(np.arange(len(store)), compared)
    seen = others[~np.isin(numbers[others], unseen)]
    if not len(seen):
        return {}
    shown, of_images = np.unique(numbers[seen], return_inverse=True)
    net = retrieval.train(
        store.take(seen),
        of_images,
        codes[torch.from_numpy(shown)],
        round(1000 * section.classifier_kimg),
        section.classifier_learning_rate,
        section.seed,
        devices.exact(),
    )
    known = retrieval.Retrieval(net, unseen, codes[torch.from_numpy(unseen)])
    retrieval.save(RETRIEVAL, known)
    return scores.of_captions(known, Chosen(store, compared), numbers[compared], protocol)


def fitted(
    section: ReferenceSection, store: ImageStore, held_out: np.ndarray, classes: int
) -> classifier.Classifier:
    """The classifier of the labels, which the process fits that comes first."""
    if not CLASSIFIER.exists():
        classifier.save(CLASSIFIER, train_classifier(section, store, held_out, classes))
    return classifier.load(CLASSIFIER, devices.exact())


def train_classifier(
    section: ReferenceSection, store: ImageStore, held_out: np.ndarray, classes: int
) -> classifier.Classifier:
    """Fit the classifier to all images but the reals that are compared with."""
    labels = read_labels(MULTIRES)
    seen = np.setdiff1d(np.arange(len(store)), held_out)
    return classifier.train(
        store.take(seen),
        labels[seen],
        classes,
        round(1000 * section.classifier_kimg),
        section.classifier_learning_rate,
        section.seed,
        devices.exact(),
    )
