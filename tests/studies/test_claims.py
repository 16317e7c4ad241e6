"""The claims hold on the figures that they are taken from, and fail on others."""

import math

import pytest

from pgpipe.reporting.ablation_table import frame, read_published
from pgpipe.studies import modes, precision, relatives, results, table1
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


FAR = "an autoencoder's random codes score over twice what its reconstructions do"
GAP = "a VAE narrows the gap between random codes and reconstructions"
RELATIVES = {claim.text: claim for claim in relatives.STUDY.claims}
OF_RELATIVES = {  # as they should come: of random codes, and of reconstructions
    "autoencoder": {"swd_avg": 300.0, "swd_32": 200.0, "swd_16": 400.0},
    "vae": {"swd_avg": 150.0, "swd_32": 190.0, "swd_16": 120.0},
    "vae-gan": {"swd_avg": 60.0, "swd_32": 80.0, "swd_16": 40.0},
    "dcgan": {"swd_avg": 50.0, "swd_32": 70.0, "swd_16": 30.0},
    "pggan": {"swd_avg": 30.0, "swd_32": 40.0, "swd_16": 20.0},
}
OF_RELATIVES["autoencoder"] |= {"reconstruction_swd_avg": 100.0, "reconstruction_swd_16": 40.0}
OF_RELATIVES["vae"] |= {"reconstruction_swd_avg": 110.0, "reconstruction_swd_16": 60.0}


def relative(text: str, **wrong: dict[str, float]) -> Finding:
    rows = {row: {**scores, **wrong.get(row, {})} for row, scores in OF_RELATIVES.items()}
    runs = frame([{"row": row, "seed": 0, **scores} for row, scores in rows.items()])
    claim = next(claim for start, claim in RELATIVES.items() if start.startswith(text))
    return judge(claim, results.samples_of(claim, runs), 0.0)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (f"{FAR}, on", {"autoencoder": {"reconstruction_swd_avg": 151.0}}),
        (f"{FAR}, at", {"autoencoder": {"swd_16": 79.0}}),
        (f"{GAP}, on", {"vae": {"swd_avg": 311.0}}),
        (f"{GAP}, on", {"autoencoder": {"reconstruction_swd_avg": 261.0}}),
        (f"{GAP}, at", {"vae": {"reconstruction_swd_16": -241.0}}),
        ("a discriminator", {"vae-gan": {"swd_32": 191.0}}),
        ("a discriminator", {"dcgan": {"swd_32": 191.0}}),
        ("growing lowers", {"pggan": {"swd_32": 71.0}}),
    ],
)
def test_relatives(text: str, wrong: dict[str, dict[str, float]]) -> None:
    assert relative(text).verdict == "holds"
    assert relative(text, **wrong).verdict == "does not hold"


def test_two_scores_of_a_row_are_named_and_one_that_is_nowhere_is_missing() -> None:
    _, text = in_words(relative(FAR))
    means = "autoencoder reconstruction_swd_avg 100.00, autoencoder 300.00"
    assert text.endswith(f"{means}; -100.00 ± 0.00 < 0")
    nowhere = {"autoencoder": {"reconstruction_swd_avg": math.nan}}
    assert relative(FAR, **nowhere).verdict == "missing"


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


@pytest.mark.parametrize(("bf16", "verdict"), [(0.94, "holds"), (0.90, "does not hold")])
def test_a_claim_may_leave_a_margin(bf16: float, verdict: str) -> None:
    (claim,) = [claim for claim in precision.STUDY.claims if claim.score == "label_accuracy"]
    samples = {"fp32": [0.949, 0.951], "bf16": [bf16 - 0.001, bf16 + 0.001]}
    finding = judge(claim, samples, 0.0)
    assert finding.verdict == verdict
    assert in_words(finding)[1].endswith("< 0.02")
