"""All scores that take the Inception network, under the names that reports/metrics.json uses."""

from torch import Tensor

from pgpipe.metrics.config import ScoreSection
from pgpipe.metrics.features import Features
from pgpipe.metrics.frechet import fid
from pgpipe.metrics.inception import inception_score
from pgpipe.metrics.kernel import kid
from pgpipe.metrics.precision_recall import precision_recall
from pgpipe.processes.group import ALONE, Processes


def of(
    fakes: Features, reals: Tensor, section: ScoreSection, group: Processes = ALONE
) -> dict[str, float]:
    """Scores of images by their features, and by those of reals [fid_images, 2048].

    `fakes` are at least `section.inception_fakes`; each score takes the first of them. FID, whose
    matrices leave nothing to share, is computed by each process of a group.
    """
    score, deviation = inception_score(
        fakes.probabilities[: section.inception_images], section.inception_splits
    )
    pooled = fakes.pooled[: section.fid_images]
    distance, spread = kid(pooled, reals, section.seed, group)
    precision, recall = precision_recall(pooled, reals, group)
    return {
        "inception_score": score,
        "inception_score_std": deviation,
        "fid": fid(pooled, reals),
        "kid": distance,
        "kid_std": spread,
        "precision": precision,
        "recall": recall,
    }
