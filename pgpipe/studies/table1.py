"""Table 1 of Karras et al. 2018: from Gulrajani et al.'s networks to the paper's, row by row.

Words of the paper like "far" are given numbers here, which its own figures meet on both of its data
sets.
"""

from pathlib import Path

from pgpipe.studies.study import Claim, Study, Weights

FLAT_ROWS = ("a", "b", "d", "e-star", "e", "f", "g")  # all but c, which breaks, and h, another net


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


STUDY = Study(
    name="table1",
    title="Table 1",
    row_preset="table1-{row}",
    data_preset="table1-{data}",
    rows={
        "a": "Gulrajani et al. 2017",
        "b": "+ progressive growing",
        "c": "+ small minibatch",
        "d": "+ revised training parameters",
        "e-star": "+ minibatch discrimination",
        "e": "minibatch stddev instead",
        "f": "+ equalised learning rate",
        "g": "+ pixelwise normalisation",
        "h": "converged",
    },
    data_sets=("photos", "fashion-mnist", "celeba", "lsun-bedroom"),
    headlines=("swd_avg", "ms_ssim"),
    levels=True,
    published=Path(__file__).with_name("table1.csv"),
    claims=(
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
)
