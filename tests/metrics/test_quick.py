"""Quick scores are those of the whole metrics, on the same images."""

from collections.abc import Iterable
from typing import cast

import numpy as np
import pytest
import torch
from imagesets import CPU, noise, smooth, stream, windows

from pgpipe.images import Images
from pgpipe.metrics import features, inception
from pgpipe.metrics.features import Features
from pgpipe.metrics.inception_v3 import InceptionV3
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


def seen(_: object, chunks: Iterable[Images]) -> Features:
    """In place of the Inception network: two classes and two features by mean and deviation."""
    pixels = torch.from_numpy(np.concatenate(list(chunks))).double().flatten(1) / 255
    pooled = torch.stack([pixels.mean(dim=1), pixels.std(dim=1)], dim=1)
    return Features((20 * pooled).softmax(dim=1), pooled)


def test_the_inception_score_alone_takes_all_images(
    reals: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "of", seen)
    others, fakes = windows(30, 32, 1), smooth(40, 32, 2)
    network = cast(InceptionV3, object())
    found = QuickScores(reals, others, SEED, CPU, network, splits=10).of(fakes)
    few = QuickScores(reals, others[:12], SEED, CPU, network).of(fakes[:12])
    for name in few.keys() - {"inception_score", "inception_score_real"}:
        assert found[name] == few[name], name
    for name, images in {"inception_score": fakes, "inception_score_real": others}.items():
        means, _ = inception.inception_score(seen(None, [images]).probabilities, 10)
        assert found[name] == pytest.approx(means)
        assert found[name] != pytest.approx(few[name])


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
