"""Quick scores are those of the whole metrics, on the same images."""

import pytest
from imagesets import CPU, noise, smooth, stream, windows

from pgpipe.images import Images
from pgpipe.metrics.ms_ssim import ms_ssim_of_pairs
from pgpipe.metrics.quick import QuickScores, better
from pgpipe.metrics.swd import swd

SEED = 4


@pytest.fixture
def reals() -> Images:
    return windows(12, 32, 0)


def test_distances_are_those_of_the_whole_metric(reals: Images) -> None:
    others, fakes = windows(12, 32, 1), smooth(12, 32, 2)
    found = QuickScores(reals, others, SEED, CPU).of(fakes)
    levels = swd(stream(reals), stream(fakes), SEED, CPU)
    floors = swd(stream(reals), stream(others), SEED, CPU)
    for level, wanted in levels.items():
        assert found[f"swd_{level}"] == pytest.approx(wanted, rel=1e-5)
        assert found[f"swd_{level}_floor"] == pytest.approx(floors[level], rel=1e-5)
    assert found["swd_avg"] == pytest.approx(sum(levels.values()) / 2, rel=1e-5)
    assert found["swd_avg_floor"] == pytest.approx(sum(floors.values()) / 2, rel=1e-5)


def test_similarity_is_that_of_the_whole_metric(reals: Images) -> None:
    others, fakes = windows(12, 32, 1), smooth(12, 32, 2)
    found = QuickScores(reals, others, SEED, CPU).of(fakes)
    assert found["ms_ssim"] == pytest.approx(ms_ssim_of_pairs(stream(fakes), CPU).mean())
    assert found["ms_ssim_real"] == pytest.approx(ms_ssim_of_pairs(stream(others), CPU).mean())


def test_scores_do_not_depend_on_what_was_scored_before(reals: Images) -> None:
    quick = QuickScores(reals, windows(12, 32, 1), SEED, CPU)
    first = quick.of(smooth(12, 32, 2))
    quick.of(noise(12, 32, 3))
    assert quick.of(smooth(12, 32, 2)) == first


def test_worse_images_score_worse(reals: Images) -> None:
    quick = QuickScores(reals, windows(12, 32, 1), SEED, CPU)
    assert quick.own["swd_avg"] < quick.of(smooth(12, 32, 2))["swd_avg"]


@pytest.mark.parametrize(
    ("metric", "good", "bad"),
    [
        ("swd_avg", 1.0, 2.0),
        ("ms_ssim", 0.1, 0.2),
        ("fid", 3.0, 4.0),
        ("inception_score", 9.0, 8.0),
    ],
)
def test_a_metric_has_a_direction(metric: str, good: float, bad: float) -> None:
    assert better(metric, good, bad)
    assert not better(metric, bad, good)
    assert not better(metric, good, good)
