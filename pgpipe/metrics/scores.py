"""All scores of a set of images against reals, under the names that reports/metrics.json uses."""

import numpy as np
import torch
from numpy.typing import NDArray

from pgpipe.images import Readable
from pgpipe.metrics import bootstrap, classifier
from pgpipe.metrics.config import ScoreSection
from pgpipe.metrics.inception import inception_score
from pgpipe.metrics.ms_ssim import ms_ssim_of_pairs
from pgpipe.metrics.streams import stream
from pgpipe.metrics.swd import Distance, distances
from pgpipe.processes.group import ALONE, Processes

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
    fakes: Readable,
    reals: Readable,
    net: classifier.Classifier | None,
    section: ScoreSection,
    device: torch.device,
    labels: NDArray[np.int64] | None = None,
    group: Processes = ALONE,
) -> dict[str, float]:
    """Scores of uint8 [N, R, R, C] against as many reals: `swd_R`, ..., `swd_avg`, `ms_ssim`, ...

    These have 95 % intervals over other images: `swd_avg_low`, `swd_avg_high`, ....
    `classifier_score` is there where a classifier is, and `label_accuracy` where also the `labels`
    [N] are that the images were drawn with. The processes of a group share the work.
    """
    n = section.swd_images
    sets, replicates = (stream(reals, n), stream(fakes, n)), bootstrap.REPLICATES
    levels = distances(*sets, section.seed, device, replicates=replicates, group=group)
    found = swd_scores(levels) | variation(fakes, section, device, group)
    if net is not None:
        p = classifier.probabilities(net, stream(fakes, section.images, group)(), group)
        mean, deviation = inception_score(p, section.classifier_splits)
        found |= {"classifier_score": mean, "classifier_score_std": deviation}
        if labels is not None:
            found["label_accuracy"] = classifier.accuracy(p, labels[: section.images])
    return found


def swd_scores(levels: dict[int, Distance]) -> dict[str, float]:
    """The distances by level and their average, each with its interval."""
    named = {f"swd_{resolution}": distance for resolution, distance in levels.items()}
    values, replicates = zip(*((d.value, d.replicates) for d in levels.values()), strict=True)
    # Replicates of all levels draw the same images, so that their mean is one of the average.
    named["swd_avg"] = Distance(float(np.mean(values)), np.mean(replicates, axis=0))
    found: dict[str, float] = {}
    for name, distance in named.items():
        found |= with_interval(name, distance.value, distance.replicates)
    return found


def variation(
    images: Readable, section: ScoreSection, device: torch.device, group: Processes = ALONE
) -> dict[str, float]:
    """What takes one set alone, generated or real: `ms_ssim` and its interval."""
    pairs = ms_ssim_of_pairs(stream(images, 2 * section.ms_ssim_pairs, group), device, group)
    resampled = bootstrap.resampled_means(pairs, section.seed)
    return with_interval("ms_ssim", float(pairs.mean()), resampled)


def with_interval(name: str, value: float, replicates: NDArray[np.float64]) -> dict[str, float]:
    """`name`, `name_low` and `name_high`."""
    low, high = bootstrap.interval(value, replicates)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def beside(found: dict[str, float], own: dict[str, float]) -> dict[str, float]:
    """Each score, and after it what the reals score, if known: `swd_avg`, `swd_avg_floor`, ..."""
    both: dict[str, float] = {}
    for name, value in found.items():
        both[name] = value
        if name in own and not name.endswith(("_std", "_low", "_high")):
            kind = next(kind for start, kind in OWN.items() if name.startswith(start))
            both[f"{name}_{kind}"] = own[name]
    return both
