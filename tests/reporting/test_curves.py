"""What is read off the curves of a run: settling, hours, and the claims of figure 4."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pgpipe.reporting import ablation_figure, ablation_table, ablation_text, curves_figure
from pgpipe.reporting.curves import Curve, Tick, column, derived, settled
from pgpipe.studies import cifar10, growth
from pgpipe.studies.claims import judge
from pgpipe.studies.results import layout_of

# 2,000 images at 8x8 and 4,000 at 16x16; a tick per 1,000 from there on
TICKS = [
    Tick(3000, {16: 90.0, 32: 200.0}),
    Tick(4000, {16: 20.0, 32: 100.0}),
    Tick(5000, {16: 22.0, 32: 40.0}),
    Tick(6000, {16: 20.0, 32: 21.0}),
    Tick(7000, {16: 19.0, 32: 20.0}),
]


def curve(row: str, seed: int = 0, speed: float = 100.0, ticks: list[Tick] = TICKS) -> Curve:
    speeds = {8: [4 * speed, 4 * speed], 32: [speed, 2 * speed]}
    return Curve(row, seed, ticks, {8: 2000, 32: 5000}, speeds)


def test_a_level_has_settled_where_it_stays_near_its_final_value() -> None:
    assert settled(curve("a").of_level(16)) == (4000, 1000)
    assert settled(curve("a").of_level(32)) == (6000, 1000)
    assert settled([(10, 5.0), (20, 5.0)]) == (10, 10)


def test_hours_are_those_of_each_resolution() -> None:
    found = curve("a")
    assert found.hours(2000) == pytest.approx(2000 / 400 / 3600)
    assert found.hours(7000) == pytest.approx((5 + 5000 * (1 / 100 + 1 / 200) / 2) / 3600)


def test_what_is_derived() -> None:
    found = derived(curve("a"))
    assert (found["settled_16"], found["settled_32"], found["settling_lag"]) == (4.0, 6.0, 2.0)
    assert found["settling_lag_std"] == pytest.approx((2 / 12) ** 0.5)
    assert found["hours_per_mimg"] == pytest.approx((5 + 37.5) / 3600 * 1e6 / 7000)
    spread = 5000 * (1 / 100 - 1 / 200) / 2**0.5 / 2**0.5  # of two ticks' mean
    assert found["hours_per_mimg_std"] == pytest.approx(spread / 3600 * 1e6 / 7000)
    untimed = derived(curve("a")._replace(speeds={}))
    assert "hours_per_mimg" not in untimed
    assert column("settled_32").short == "settled at kimg 32"
    assert column("last_inception_score").short == "Inception score, last tick"


def record(of: Curve, swd: float, **more: Any) -> dict[str, Any]:
    scores = {"swd_avg": swd, "swd_avg_floor": 1.0, "images": 8, "pairs": 4}
    return {"row": of.row, "seed": of.seed, **scores, **derived(of), **more}


@pytest.fixture
def curves() -> list[Curve]:
    together = [tick._replace(levels={16: tick.levels[32], 32: tick.levels[32]}) for tick in TICKS]
    flat = [curve("flat", seed, 40 + seed, together) for seed in range(2)]
    return [*flat, *(curve("grown", seed, 100 + seed) for seed in range(2))]


def test_the_claims_of_figure_4(curves: list[Curve]) -> None:
    swd = {"flat": 20.0, "grown": 20.5}
    runs = ablation_table.frame([record(one, swd[one.row] + one.seed / 10) for one in curves])
    verdicts = [
        judge(claim, ablation_table.samples(runs, claim.score), 0.5).verdict
        for claim in growth.STUDY.claims
    ]
    assert verdicts == ["holds"] * 4
    alike = ablation_table.frame([record(one._replace(ticks=TICKS), 20.0) for one in curves[:2]])
    lag = growth.STUDY.claims[0]
    assert judge(lag, ablation_table.samples(alike, lag.score), 0.5).verdict == "missing"


def test_scores_that_no_run_or_one_row_alone_has_are_missing(curves: list[Curve]) -> None:
    some = [one if one.row == "grown" else one._replace(speeds={}) for one in curves]
    runs = ablation_table.frame([record(one, 20.0) for one in some])
    assert list(ablation_table.samples(runs, "hours_per_mimg")) == ["grown"]
    shown = layout_of(growth.STUDY, runs)
    table = ablation_table.summary(runs, growth.STUDY.rows, shown, "photos")
    assert "hours_per_mimg_step" not in table
    claim = next(c for c in growth.STUDY.claims if c.score == "hours_per_mimg")
    assert judge(claim, ablation_table.samples(runs, claim.score), 1.0).verdict == "missing"
    untimed = ablation_table.frame([record(c._replace(speeds={}), 20.0) for c in curves])
    assert layout_of(growth.STUDY, untimed).headlines == ("swd_avg", "settling_lag")
    assert ablation_table.noise(untimed, "hours_per_mimg") == float("inf")


def test_figure_4_is_a_picture_with_and_without_times(curves: list[Curve], tmp_path: Path) -> None:
    for some in (curves, [one._replace(speeds={}) for one in curves]):
        picture = curves_figure.figure(some, growth.STUDY.rows, "Figure 4")
        assert len(picture.axes[0].lines) == 8
        picture.savefig(tmp_path / "f.png")
        assert len(Image.open(tmp_path / "f.png").convert("L").getcolors()) > 50  # type: ignore[arg-type]


def test_table_3_has_best_and_last_of_each_seed_beside_the_paper_s(tmp_path: Path) -> None:
    records = [
        {
            "row": "pggan", "seed": seed, "images": 8, "pairs": 4,
            "inception_score": best, "last_inception_score": best - 0.25,
            "inception_score_std": 0.1, "last_inception_score_std": 0.1,
        }
        for seed, best in enumerate((8.0, 9.0))
    ]  # fmt: skip
    runs = ablation_table.frame(records)
    shown = layout_of(cifar10.STUDY, runs)
    assert shown.headlines == ("inception_score", "last_inception_score")
    table = ablation_table.summary(runs, cifar10.STUDY.rows, shown, "cifar10")
    assert table.inception_score_difference["pggan"] == pytest.approx(8.5 - 8.56)
    text = ablation_text.per_seed(runs, shown).splitlines()
    assert [line.split("|")[1:4] for line in text if "pggan" in line] == [
        [" pggan, seed 0 ", " 8.00              ", " 7.75                         "],
        [" pggan, seed 1 ", " 9.00              ", " 8.75                         "],
        [" pggan, best   ", " 9.00              ", " 8.75                         "],
    ]
    ablation_text.write(table, shown, "Table 3", tmp_path / "t")
    ablation_figure.figure(runs, table, shown, "Table 3")
