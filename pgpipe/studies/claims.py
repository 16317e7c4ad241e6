"""What the paper's tables show, as statements that hold, do not hold, or are not resolved.

Each statement is a set of linear contrasts of rows' means, all of which lie below 0 where it holds
(see `pgpipe.reporting.contrasts`). Words like "far" are given numbers here, which the paper's own
figures meet on both of its data sets.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from pgpipe.metrics.table import metric_of
from pgpipe.reporting.contrasts import Contrast, contrast

Verdict = Literal["holds", "does not hold", "not resolved", "missing"]
Weights = Mapping[str, float]

FLAT_ROWS = ("a", "b", "d", "e-star", "e", "f", "g")  # all but c, which breaks, and h, another net


class Claim(NamedTuple):
    """A statement about a score, and the contrasts that are below 0 where it holds."""

    text: str
    score: str
    below_zero: Sequence[Weights]


class Finding(NamedTuple):
    """A claim, what became of it, and the means and contrasts that say so."""

    claim: Claim
    verdict: Verdict
    means: Mapping[str, float]
    contrasts: Sequence[Contrast]


def flat_but_for_c() -> list[Weights]:
    """No row is further from the mean of its like than a quarter of what c is."""
    mean = dict.fromkeys(FLAT_ROWS, 1 / len(FLAT_ROWS))
    contrasts: list[Weights] = []
    for row in FLAT_ROWS:
        for sign in (1.0, -1.0):
            weights = {other: (0.25 - sign) * share for other, share in mean.items()}
            weights[row] += sign
            contrasts.append({**weights, "c": -0.25})
    return contrasts


CLAIMS: Mapping[str, Sequence[Claim]] = {
    "table1": (
        Claim("b is far below a (under 3/4 of it)", "swd_avg", [{"b": 1, "a": -0.75}]),
        Claim("c is broken (over twice b)", "swd_avg", [{"b": 2, "c": -1}]),
        Claim("d recovers (under half of c)", "swd_avg", [{"d": 1, "c": -0.5}]),
        Claim("e* is above d", "swd_avg", [{"d": 1, "e-star": -1}]),
        Claim("e is below d", "swd_avg", [{"e": 1, "d": -1}]),
        Claim(
            "f is the large step (below e, by more than e below d and g below f)",
            "swd_avg",
            [{"f": 1, "e": -1}, {"d": 1, "e": -2, "f": 1}, {"f": 2, "e": -1, "g": -1}],
        ),
        Claim(
            "g is a small step (less than half of f's, up or down)",
            "swd_avg",
            [{"g": 1, "f": -0.5, "e": -0.5}, {"f": 1.5, "g": -1, "e": -0.5}],
        ),
        Claim("MS-SSIM hardly moves except in c", "ms_ssim", flat_but_for_c()),
    ),
    "modes": (
        Claim("d finds more modes than a", "modes_found", [{"a": 1, "d": -1}]),
        Claim(
            "modes found rise from row to row",
            "modes_found",
            [{"a": 1, "b": -1}, {"b": 1, "c": -1}, {"c": 1, "d": -1}],
        ),
        Claim("d's KL is below a's", "mode_kl", [{"d": 1, "a": -1}]),
        Claim(
            "KL falls from row to row",
            "mode_kl",
            [{"b": 1, "a": -1}, {"c": 1, "b": -1}, {"d": 1, "c": -1}],
        ),
    ),
}


def judge(claim: Claim, samples: Mapping[str, Sequence[float]], noise: float) -> Finding:
    """What becomes of a claim, given each row's scores over seeds and the noise of one score."""
    rows = list(dict.fromkeys(row for weights in claim.below_zero for row in weights))
    if not samples.keys() >= set(rows):
        return Finding(claim, "missing", {}, ())
    contrasts = [contrast(samples, weights, noise) for weights in claim.below_zero]
    means = {row: sum(samples[row]) / len(samples[row]) for row in rows}
    return Finding(claim, verdict(found.sign for found in contrasts), means, contrasts)


def verdict(signs: Iterable[str]) -> Verdict:
    """Holds where all lie below 0; does not where one lies above."""
    found = set(signs)
    if "above" in found:
        return "does not hold"
    return "not resolved" if "not resolved" in found else "holds"


def in_words(finding: Finding) -> str:
    """A line: verdict, claim, means, and the contrast that decided least clearly."""
    line = f"{finding.verdict:<14} {finding.claim.score}: {finding.claim.text}"
    if not finding.contrasts:
        return line
    digits = metric_of(finding.claim.score).digits + 1
    means = ", ".join(f"{row} {value:.{digits}f}" for row, value in finding.means.items())
    worst = max(finding.contrasts, key=lambda c: c.estimate + c.half_width)
    return f"{line}; {means}; {worst.estimate:+.{digits}f} ± {worst.half_width:.{digits}f} < 0"
