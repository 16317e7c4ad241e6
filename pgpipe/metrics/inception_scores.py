"""All scores that take the Inception network, under the names that reports/metrics.json uses."""

from torch import Tensor

from pgpipe.metrics.config import Protocol
from pgpipe.metrics.features import Features
from pgpipe.metrics.frechet import fid
from pgpipe.metrics.inception import inception_score
from pgpipe.metrics.kernel import kid
from pgpipe.metrics.precision_recall import precision_recall
from pgpipe.plumbing.processes.group import ALONE, Processes


def of(
    fakes: Features, reals: Tensor, protocol: Protocol, group: Processes = ALONE
) -> dict[str, float]:
    """Scores of images by their features, and by those of reals [fid_images, 2048].

    `fakes` are at least `protocol.inception_fakes`; each score takes the first of them. FID, whose
    matrices leave nothing to share, is computed by each process of a group.
    """
    pooled = fakes.pooled[: protocol.fid_images]
    distance, spread = kid(pooled, reals, protocol.seed, group)
    precision, recall = precision_recall(pooled, reals, group)
    return {
        **of_labels(fakes, protocol),
        "fid": fid(pooled, reals),
        "kid": distance,
        "kid_std": spread,
        "precision": precision,
        "recall": recall,
    }


def of_reals(
    reals: Features, others: Tensor | None, protocol: Protocol, group: Processes = ALONE
) -> dict[str, float | None]:
    """What `of` says of reals against as many others; without others the distances are None."""
    if others is not None:
        return {**of(reals, others, protocol, group)}
    distances = ("fid", "kid", "precision", "recall")
    return {**of_labels(reals, protocol), **dict.fromkeys(distances)}


def of_labels(images: Features, protocol: Protocol) -> dict[str, float]:
    """The Inception score and its deviation, which take no other images."""
    seen = images.probabilities[: protocol.inception_images]
    score, deviation = inception_score(seen, protocol.inception_splits)
    return {"inception_score": score, "inception_score_std": deviation}
