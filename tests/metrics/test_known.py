"""The gate passes for the metrics as they are, and for none that is broken."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from imagesets import smooth

from pgpipe.errors import IntegrityError
from pgpipe.images import Images
from pgpipe.metrics import known
from pgpipe.metrics.frechet import fit
from pgpipe.metrics.swd import swd

CPU = torch.device("cpu")


def reals(count: int = 16, channels: int = 3) -> Images:
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (count, 16, 16, channels), dtype=np.uint8)


def failed() -> set[str]:
    """The checks that are refused."""
    return {
        check.name
        for check in known.checks(reals(), CPU)
        if not abs(check.found - check.expected) <= check.tolerance
    }


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [4, 7])
def test_metrics_as_they_are_pass(count: int, channels: int) -> None:
    for check in known.checks(reals(count, channels), CPU):
        known.require(check)


def test_equal_reals_pass() -> None:
    for check in known.checks(np.zeros_like(reals()), CPU):
        known.require(check)


@pytest.mark.slow
@pytest.mark.parametrize("count", [12, 60])
def test_few_images_that_are_all_alike_or_nearly_empty_pass(count: int) -> None:
    """Other patches give another distance there, by a third and more, and no metric is broken."""
    alike = smooth(1, 16, 0).repeat(count, axis=0)
    draw = np.random.default_rng(1)
    empty = np.zeros_like(alike)
    empty[np.arange(count), draw.integers(16, size=count), draw.integers(16, size=count)] = 255
    for images in (alike, empty):
        for check in known.checks(images, CPU):
            known.require(check)


def test_distance_of_flat_images_is_the_mean_over_many_random_directions() -> None:
    grays = np.array([0, 0, 10, 10]), np.array([0, 10, 10, 10])
    axes = np.random.default_rng(0).standard_normal((20000, 147))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    a, b = np.array([-1, -1, 1, 1]), np.array([-(3**0.5), *[3**-0.5] * 3])
    wanted = 1000 * np.abs(axes.sum(axis=1)).mean() * np.abs(a - b).mean()
    assert known.distance_of_flat_images(*grays) == pytest.approx(wanted, rel=0.02)


def test_cross_has_the_covariance_that_it_states() -> None:
    mean, reach = torch.tensor([5.0, -1, 2]).double(), torch.tensor([1.0, 2, 3]).double()
    found = fit([known.cross(mean, reach)])
    torch.testing.assert_close(found.mean, mean)
    torch.testing.assert_close(found.covariance, (2 * reach**2 / 5).diag())


Distances = dict[int, float]


@pytest.mark.slow
def test_broken_swd_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(how: Callable[[float, int], float]) -> set[str]:
        def broken(*arguments: Any) -> Distances:
            return {level: how(d, arguments[2]) for level, d in swd(*arguments).items()}

        monkeypatch.setattr(known, "swd", broken)
        return failed()

    assert "SWD 16 of a set with itself" in breaks(lambda distance, seed: distance + 1)
    assert "SWD of residuals of flat images" in breaks(lambda distance, seed: distance + 1)
    flat, other = "SWD of two sets of flat images", "SWD of the two by another seed"
    assert breaks(lambda distance, seed: distance / 2) == {flat, other}
    halves = "SWD of two halves of the reals, exchanged"
    assert breaks(lambda distance, seed: distance * (1 + 5 * seed)) == {halves, other}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("ms_ssim", torch.tensor([0.99]), "identical pairs"),
        ("inception_score", (1.0, 0.0), "one-hot"),
        ("inception_score", (10.0, 0.0), "uniform"),
        ("fid", 1.0, "FID of a set with itself"),
        ("fid", 0.0, "FID of two Gaussians"),
        ("fid", math.nan, "FID of a set with itself"),
    ],
)
def test_metric_that_is_always_the_same_is_caught(
    metric: str, value: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, metric, lambda *_, **__: value)
    assert any(words in name for name in failed())


@pytest.mark.parametrize("found", [1.2, 0.8, math.nan, math.inf])
def test_refusal_names_the_check_what_was_found_and_expected(found: float) -> None:
    known.require(known.Check("score", 1.1, 1, 0.11))
    with pytest.raises(IntegrityError) as caught:
        known.require(known.Check("score", found, 1, 0.1))
    assert str(caught.value).startswith(f"score: found {found}, expected 1 +- 0.1: ")
