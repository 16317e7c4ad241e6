"""Whether a difference between rows of a table is more than chance: linear contrasts of means.

With two seeds or more in every row that takes part, the uncertainty is Welch's 95 % interval
(Welch 1947, with the Welch-Satterthwaite degrees of freedom). With one seed in any of them the
spread between seeds is unknown: then all that lies within the noise of the measurement itself is
taken as not resolved, and what lies beyond may still be chance of the seed.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, variance
from typing import Literal, NamedTuple

CONFIDENCE = 0.95

Sign = Literal["below", "above", "not resolved"]


class Contrast(NamedTuple):
    """A weighted sum of rows' means, and half the width of the interval around it."""

    estimate: float
    half_width: float

    @property
    def sign(self) -> Sign:
        """On which side of 0 the interval lies."""
        return self.beside(0.0)

    def beside(self, margin: float) -> Sign:
        """On which side of a margin the interval lies."""
        if abs(self.estimate - margin) <= self.half_width:
            return "not resolved"
        return "below" if self.estimate < margin else "above"


def contrast(
    samples: Mapping[str, Sequence[float]], weights: Mapping[str, float], noise: float
) -> Contrast:
    """The sum of `weights[row]` times the mean of `samples[row]`, over the rows of `weights`.

    `noise` is the difference between two single scores below which they do not differ; for other
    weights it grows like the standard deviation of the sum.
    """
    rows = [(weight, samples[row]) for row, weight in weights.items()]
    estimate = sum(weight * fmean(values) for weight, values in rows)
    if min(len(values) for _, values in rows) < 2:
        return Contrast(estimate, noise * math.sqrt(sum(w * w for w, _ in rows) / 2))
    parts = [(w * w * variance(values) / len(values), len(values) - 1) for w, values in rows]
    return Contrast(estimate, welch_half_width(parts))


def welch_half_width(parts: Sequence[tuple[float, int]]) -> float:
    """Half of Welch's interval, from each term's variance and its degrees of freedom."""
    from scipy.stats import t

    total = sum(part for part, _ in parts)
    if total == 0:
        return 0.0
    freedom = total**2 / sum(part**2 / n for part, n in parts)
    return float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(total)
