"""The claims hold on the figures that they are taken from, and fail on others."""

import pytest

from pgpipe.reporting.ablation_table import read_published
from pgpipe.studies import modes, table1
from pgpipe.studies.claims import Finding, in_words, judge

TABLE1 = {claim.text: claim for claim in table1.STUDY.claims}
assert table1.STUDY.published
PAPER = read_published(table1.STUDY.published)


def published(data: str, score: str) -> dict[str, list[float]]:
    return {str(row): [float(value)] for row, value in PAPER.loc[data][score].items()}


def judged(start: str, samples: dict[str, list[float]], noise: float = 0.0) -> Finding:
    (claim,) = [claim for text, claim in TABLE1.items() if text.startswith(start)]
    return judge(claim, samples, noise)


@pytest.mark.parametrize("data", ["celeba", "lsun-bedroom"])
@pytest.mark.parametrize("text", TABLE1)
def test_claim_holds_in_the_paper(data: str, text: str) -> None:
    claim = TABLE1[text]
    assert judge(claim, published(data, claim.score), 0.0).verdict == "holds"


@pytest.mark.parametrize(
    ("start", "wrong"),
    [
        ("b is far", {"b": 8.0}),
        ("c is broken", {"c": 8.0}),
        ("d recovers", {"d": 40.0}),
        ("e* is above", {"e-star": 7.0}),
        ("e is below", {"e": 9.0}),
        ("f is the large", {"f": 6.9}),
        ("f is the large", {"g": 0.1}),
        ("g is a small", {"g": 1.0}),
        ("g is a small", {"g": 6.5}),
    ],
)
def test_claim_fails_where_one_row_is_wrong(start: str, wrong: dict[str, float]) -> None:
    samples = published("celeba", "swd_avg") | {row: [v] for row, v in wrong.items()}
    assert judged(start, samples).verdict == "does not hold"


def test_ms_ssim_that_moves_elsewhere_is_seen() -> None:
    for row in ("a", "e-star", "g"):
        samples = published("celeba", "ms_ssim") | {row: [0.38]}
        assert judged("MS-SSIM", samples).verdict == "does not hold"


def test_noise_leaves_small_differences_open_and_a_missing_row_is_missing() -> None:
    samples = published("celeba", "swd_avg")
    assert judged("e is below", samples, noise=1.6).verdict == "not resolved"
    assert judged("c is broken", samples, noise=1.6).verdict == "holds"
    del samples["c"]
    finding = judged("c is broken", samples)
    assert finding.verdict == "missing"
    assert in_words(finding)[0] == "missing"


def test_modes() -> None:
    rising = {row: [float(n)] for n, row in enumerate("abcd")}
    falling = {row: [float(-n)] for n, row in enumerate("abcd")}
    for claim in modes.STUDY.claims:
        right, wrong = (rising, falling) if claim.score == "modes_found" else (falling, rising)
        assert judge(claim, right, 0.0).verdict == "holds"
        assert judge(claim, wrong, 0.0).verdict == "does not hold"


def test_a_line_names_verdict_means_and_interval() -> None:
    verdict, text = in_words(judged("b is far", published("celeba", "swd_avg"), noise=2.0))
    assert verdict == "holds"
    assert text.endswith("b 4.28, a 9.28; -2.68 ± 1.77 < 0")
