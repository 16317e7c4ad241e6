"""All scores of a set of images against reals, under the names that reports/metrics.json uses."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from pgpipe.images import Images
from pgpipe.metrics import classifier
from pgpipe.metrics.config import ScoreSection
from pgpipe.metrics.inception import inception_score
from pgpipe.metrics.ms_ssim import ms_ssim_of_pairs
from pgpipe.metrics.swd import Stream, average, swd

BATCH = 256  # images; no score depends on it

# What the reals' own value is called: a distance has a floor, a property of images a real value.
OWN = {
    "swd": "floor",
    "ms_ssim": "real",
    "classifier_score": "real",
    "label_accuracy": "real",
    "modes_found": "real",
    "mode_kl": "real",
    "inception_score": "real",
    "fid": "floor",
    "kid": "floor",
    "precision": "real",
    "recall": "real",
}


def of(
    fakes: Images,
    reals: Images,
    net: classifier.Classifier | None,
    section: ScoreSection,
    device: torch.device,
    labels: NDArray[np.int64] | None = None,
) -> dict[str, float]:
    """Scores of uint8 [N, R, R, C] against as many reals: `swd_R`, ..., `swd_avg`, `ms_ssim`, ...

    `classifier_score` is there where a classifier is, and `label_accuracy` where also the `labels`
    [N] are that the images were drawn with.
    """
    n = section.swd_images
    torch.backends.cudnn.allow_tf32 = False  # a filter's rounding would show in the scores
    distances = swd(stream(reals[:n]), stream(fakes[:n]), section.seed, device)
    found = {f"swd_{resolution}": distance for resolution, distance in distances.items()}
    found["swd_avg"] = average(distances)
    found |= variation(fakes, section, device)
    if net is not None:
        p = classifier.probabilities(net, stream(fakes[: section.images])())
        mean, deviation = inception_score(p, section.classifier_splits)
        found |= {"classifier_score": mean, "classifier_score_std": deviation}
        if labels is not None:
            found["label_accuracy"] = classifier.accuracy(p, labels[: section.images])
    return found


def variation(images: Images, section: ScoreSection, device: torch.device) -> dict[str, float]:
    """What takes one set alone, generated or real: `ms_ssim`."""
    pairs = stream(images[: 2 * section.ms_ssim_pairs])
    return {"ms_ssim": ms_ssim_of_pairs(pairs(), device)}


def stream(images: Images) -> Stream:
    """An array as batches that can be read more than once."""

    def batches() -> Iterator[Images]:
        for start in range(0, len(images), BATCH):
            yield images[start : start + BATCH]

    return batches


def beside(found: dict[str, float], own: dict[str, float]) -> dict[str, float]:
    """Each score, and after it what the reals score, if known: `swd_avg`, `swd_avg_floor`, ..."""
    both: dict[str, float] = {}
    for name, value in found.items():
        both[name] = value
        if name in own and not name.endswith(("_std", "_low", "_high")):
            kind = next(kind for start, kind in OWN.items() if name.startswith(start))
            both[f"{name}_{kind}"] = own[name]
    return both
