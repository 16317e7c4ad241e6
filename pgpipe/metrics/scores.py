"""All scores of a set of images against reals, under the names that reports/metrics.json uses."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from pgpipe.images import Readable
from pgpipe.metrics import bootstrap, classifier
from pgpipe.metrics.config import Protocol
from pgpipe.metrics.inception import inception_score
from pgpipe.metrics.ms_ssim import ms_ssim_of_pairs
from pgpipe.metrics.patches import SMALLEST
from pgpipe.metrics.pyramid import resolutions
from pgpipe.metrics.streams import stream
from pgpipe.metrics.swd import Distance, distances
from pgpipe.plumbing.processes.group import ALONE, Processes

Scores = dict[str, float | None]
Own = TypeVar("Own", bound=float | None)

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
    protocol: Protocol,
    device: torch.device,
    labels: NDArray[np.int64] | None = None,
    group: Processes = ALONE,
) -> dict[str, float]:
    """Scores of uint8 [N, R, R, C] against as many reals: `swd_R`, ..., `swd_avg`, `ms_ssim`, ...

    These have 95 % intervals over other images: `swd_avg_low`, `swd_avg_high`, ....
    `classifier_score` is there where a classifier is, and `label_accuracy` where also the `labels`
    [N] are that the images were drawn with. The processes of a group share the work.
    """
    n = protocol.swd_images
    sets, replicates = (stream(reals, n), stream(fakes, n)), bootstrap.REPLICATES
    levels = distances(*sets, protocol.seed, device, replicates=replicates, group=group)
    found = swd_scores(levels) | variation(fakes, protocol, device, group)
    return found | classified(fakes, net, protocol, labels, group)


def of_reals(
    reals: Readable,
    others: Readable | None,
    net: classifier.Classifier | None,
    protocol: Protocol,
    device: torch.device,
    labels: NDArray[np.int64] | None = None,
    group: Processes = ALONE,
) -> Scores:
    """What `of` says of reals against as many others; without others the distances are None."""
    if others is not None:
        return {**of(reals, others, net, protocol, device, labels, group)}
    levels = resolutions(reals[:1].shape[1], SMALLEST)
    return {
        **dict.fromkeys([*(f"swd_{level}" for level in levels), "swd_avg"]),
        **variation(reals, protocol, device, group),
        **classified(reals, net, protocol, labels, group),
    }


def classified(
    images: Readable,
    net: classifier.Classifier | None,
    protocol: Protocol,
    labels: NDArray[np.int64] | None,
    group: Processes = ALONE,
) -> dict[str, float]:
    """`classifier_score` where a classifier is, and `label_accuracy` where also labels are."""
    if net is None:
        return {}
    p = classifier.probabilities(net, stream(images, protocol.images, group)(), group)
    mean, deviation = inception_score(p, protocol.classifier_splits)
    found = {"classifier_score": mean, "classifier_score_std": deviation}
    if labels is not None:
        found["label_accuracy"] = classifier.accuracy(p, labels[: protocol.images])
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
    images: Readable, protocol: Protocol, device: torch.device, group: Processes = ALONE
) -> dict[str, float]:
    """What takes one set alone, generated or real: `ms_ssim` and its interval."""
    pairs = ms_ssim_of_pairs(stream(images, 2 * protocol.ms_ssim_pairs, group), device, group)
    resampled = bootstrap.resampled_means(pairs, protocol.seed)
    return with_interval("ms_ssim", float(pairs.mean()), resampled)


def with_interval(name: str, value: float, replicates: NDArray[np.float64]) -> dict[str, float]:
    """`name`, `name_low` and `name_high`."""
    low, high = bootstrap.interval(value, replicates)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def beside(found: Mapping[str, float], own: Mapping[str, Own]) -> dict[str, float | Own]:
    """Each score, and after it what the reals score: `swd_avg`, `swd_avg_floor`, ....

    It is None where there are too few reals for it, and missing where nobody asked.
    """
    both: dict[str, float | Own] = {}
    for name, value in found.items():
        both[name] = value
        if name in own and not name.endswith(("_std", "_low", "_high")):
            kind = next(kind for start, kind in OWN.items() if name.startswith(start))
            both[f"{name}_{kind}"] = own[name]
    return both
