"""What becomes of a study's claims: they hold, do not hold, or are not resolved.

A claim is a set of linear contrasts of rows' means, all of which lie below its margin, 0 for most,
where it holds (see `pgpipe.reporting.contrasts`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from pgpipe.reporting.contrasts import Contrast, contrast
from pgpipe.reporting.curves import column
from pgpipe.studies.study import Claim

Verdict = Literal["holds", "does not hold", "not resolved", "missing"]


class Finding(NamedTuple):
    """A claim, what became of it, and the means and contrasts that say so."""

    claim: Claim
    verdict: Verdict
    means: Mapping[str, float]
    contrasts: Sequence[Contrast]


def judge(claim: Claim, samples: Mapping[str, Sequence[float]], noise: float) -> Finding:
    """What becomes of a claim, given each row's scores over seeds and the noise of one score."""
    if not samples.keys() >= claim.terms.keys():
        return Finding(claim, "missing", {}, ())
    contrasts = [contrast(samples, weights, noise) for weights in claim.contrasts]
    means = {term: sum(samples[term]) / len(samples[term]) for term in claim.terms}
    return Finding(
        claim, verdict(found.beside(claim.margin) for found in contrasts), means, contrasts
    )


def verdict(signs: Iterable[str]) -> Verdict:
    """Holds where all lie below the margin; does not where one lies above."""
    found = set(signs)
    if "above" in found:
        return "does not hold"
    return "not resolved" if "not resolved" in found else "holds"


def in_words(finding: Finding) -> tuple[str, str]:
    """The verdict; the claim, means, and the contrast that decided least clearly."""
    text = f"{finding.claim.score}: {finding.claim.text}"
    if not finding.contrasts:
        return finding.verdict, text
    digits = max(2, column(finding.claim.score).digits)
    means = ", ".join(f"{term} {value:.{digits}f}" for term, value in finding.means.items())
    worst = max(finding.contrasts, key=lambda c: c.estimate + c.half_width)
    decided = f"{worst.estimate:+.{digits}f} ± {worst.half_width:.{digits}f}"
    return finding.verdict, f"{text}; {means}; {decided} < {finding.claim.margin:g}"
