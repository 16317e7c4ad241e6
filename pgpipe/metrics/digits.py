"""The digit classifier of the discrete-mode test: trained on single digits, used on channels."""

import numpy as np
import torch
from numpy.typing import NDArray

from pgpipe import rng
from pgpipe.images import Images
from pgpipe.metrics import classifier
from pgpipe.metrics.config import ReferenceSection

DIGITS = 10
CELLS = 4  # of the classifier: in a digit it matters what is where
SHIFT = 2  # pixels that digits are moved by while it is trained
HELD_OUT = 5  # one digit in so many measures the accuracy


def fit(
    images: Images, digits: NDArray[np.int64], section: ReferenceSection, device: torch.device
) -> tuple[classifier.Classifier, float]:
    """A classifier of uint8 [n, R, R, 1], and the share of digits it gets right.

    Each image is another source digit, so none of those that it is judged by was seen in training.
    """
    mixed = rng.permutation(len(digits), rng.key(section.seed, "held out digits", 0)).numpy()
    held_out, seen = np.split(mixed, [len(mixed) // HELD_OUT])
    net = classifier.train(
        images[seen],
        digits[seen],
        DIGITS,
        round(1000 * section.classifier_kimg),
        section.classifier_learning_rate,
        section.seed,
        device,
        cells=CELLS,
        shift=SHIFT,
    )
    p = classifier.probabilities(net, [images[held_out]])
    return net, classifier.accuracy(p, digits[held_out])


def of_channels(net: classifier.Classifier, images: Images) -> NDArray[np.int64]:
    """The digit in each channel of uint8 [n, R, R, 3]: [n, 3]."""
    channels = np.moveaxis(images, -1, 1).reshape(-1, *images.shape[1:3], 1)  # [3n, R, R, 1]
    likely: NDArray[np.int64] = classifier.probabilities(net, [channels]).argmax(dim=1).numpy()
    return likely.reshape(-1, 3)
