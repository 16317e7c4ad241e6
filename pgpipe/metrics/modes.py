"""The discrete-mode test: how many of 1000 modes are found, and how evenly.

An image is three digits as its red, green and blue; its mode is R + 10 G + 100 B, by a classifier
of digits that looks at each channel alone (Metz et al. 2016; Karras et al. 2018, appendix).
25,600 images of a perfect sampler show all 1000 modes; its divergence is about
(modes - 1) / (2 images) = 0.02, which is no fault of it: few images are never even.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pgpipe.images import Images
from pgpipe.metrics import classifier, digits
from pgpipe.metrics.streams import Stream
from pgpipe.plumbing.layout import MODE_PLACES

MODES = 1000

Histogram = NDArray[np.int64]  # [1000]


def scores(net: classifier.Classifier, evaluations: Sequence[Stream]) -> dict[str, float]:
    """Means and deviations over equally large evaluations, each a stream uint8 [n, R, R, 3]."""
    counts = [histogram(net, images()) for images in evaluations]
    found = np.array([modes_found(c) for c in counts])
    divergence = np.array([kl_to_uniform(c) for c in counts])
    return {
        "modes_found": float(found.mean()),
        "modes_found_std": float(found.std()),
        "mode_kl": float(divergence.mean()),
        "mode_kl_std": float(divergence.std()),
    }


def modes_found(counts: Histogram) -> int:
    """Modes that occur at all, at most 1000; higher is better."""
    return int(np.count_nonzero(counts))


def kl_to_uniform(counts: Histogram) -> float:
    """KL(samples || uniform) in nats: sum of q log(q / (1 / modes)) over the modes found.

    0 for as many images of each mode, log(1000) = 6.9 for a single mode; lower is better.
    """
    q = counts[counts > 0] / counts.sum()
    return float(np.sum(q * np.log(q * len(counts))))


def histogram(net: classifier.Classifier, batches: Iterable[Images]) -> Histogram:
    """How many images of uint8 [n, R, R, 3] batches show each mode."""
    counts = np.zeros(MODES, np.int64)
    for batch in batches:
        counts += np.bincount(digits.of_channels(net, batch) @ MODE_PLACES, minlength=MODES)
    return counts
