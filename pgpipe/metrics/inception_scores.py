"""All scores that take the Inception network, under the names that reports/metrics.json uses."""

from torch import Tensor

from pgpipe.metrics.config import Protocol
from pgpipe.metrics.features import Features
from pgpipe.metrics.frechet import fid
from pgpipe.metrics.inception import inception_score
from pgpipe.metrics.kernel import kid
from pgpipe.metrics.precision_recall import precision_recall

DISTANCES = ("fid", "kid", "precision", "recall")


def of_labels(fakes: Features, _: Tensor | None, protocol: Protocol) -> dict[str, float]:
    """The Inception score and its deviation, which take no other images."""
    seen = fakes.probabilities[: protocol.inception_images]
    score, deviation = inception_score(seen, protocol.inception_splits)
    return {"inception_score": score, "inception_score_std": deviation}


def of_distances(
    fakes: Features, reals: Tensor | None, protocol: Protocol
) -> dict[str, float | None]:
    """Scores by pooled features against those of reals [fid_images, 2048]; None without reals."""
    if reals is None:
        return dict.fromkeys(DISTANCES)
    pooled = fakes.pooled[: protocol.fid_images]
    distance, spread = kid(pooled, reals, protocol.seed)
    precision, recall = precision_recall(pooled, reals)
    return {
        "fid": fid(pooled, reals),
        "kid": distance,
        "kid_std": spread,
        "precision": precision,
        "recall": recall,
    }
