"""Every loss against its formula in numpy; what it rewards; scores beyond all bounds."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from literal.layers import Array
from torch import Tensor

from pgpipe import rng
from pgpipe.gan.losses import hinge, logistic, lsgan, minimax, non_saturating, relativistic, wgan_gp
from pgpipe.gan.losses.loss import load
from pgpipe.gan.losses.table import LOSSES

NAMES = pytest.mark.parametrize("name", LOSSES)


def log_sigmoid(x: Array) -> Array:
    return np.asarray(-np.logaddexp(0, -x))


FORMULAS: dict[str, tuple[Callable[[Array, Array], float], Callable[[Array, Array], float]]] = {
    "wgan-gp": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
    "minimax": (
        lambda r, f: -log_sigmoid(r).mean() - log_sigmoid(-f).mean(),  # 1 - s(f) = s(-f)
        lambda r, f: log_sigmoid(-f).mean(),
    ),
    "non-saturating": (
        lambda r, f: -log_sigmoid(r).mean() - log_sigmoid(-f).mean(),
        lambda r, f: -log_sigmoid(f).mean(),
    ),
    "lsgan": (
        lambda r, f: ((r - 0) ** 2).mean() + 0.1 * ((f - 1) ** 2).mean(),
        lambda r, f: ((f - 0) ** 2).mean(),
    ),
    "hinge": (
        lambda r, f: np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(),
        lambda r, f: -f.mean(),
    ),
    "r1": (
        lambda r, f: -log_sigmoid(r).mean() - log_sigmoid(-f).mean(),
        lambda r, f: -log_sigmoid(f).mean(),
    ),
    "relativistic": (
        lambda r, f: -log_sigmoid(r - f).mean(),
        lambda r, f: -log_sigmoid(f - r).mean(),
    ),
}


def scores(scale: float = 2.0) -> tuple[Tensor, Tensor]:
    """Of reals and fakes, in float64."""
    real, fake = (scale * rng.normal((9,), rng.key(0, stream, 0)).double() for stream in "rf")
    return real, fake


def slopes(loss: Callable[[Tensor, Tensor], Tensor], *at: Tensor) -> list[Tensor]:
    """The loss's gradients along the scores of reals and of fakes."""
    leaves = [x.clone().requires_grad_() for x in at]
    found = torch.autograd.grad(loss(*leaves), leaves, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(at, found, strict=True)]


@NAMES
@pytest.mark.parametrize("scale", [1e-3, 2.0, 300.0])
def test_equals_its_formula(name: str, scale: float) -> None:
    real, fake = scores(scale)
    sides = (load(name).discriminator, load(name).generator)
    for ours, formula in zip(sides, FORMULAS[name], strict=True):
        expected = formula(real.numpy(), fake.numpy())
        assert ours(real, fake).item() == pytest.approx(expected, rel=1e-12)


@NAMES
def test_derivatives_equal_finite_differences(name: str) -> None:
    at = [x.requires_grad_() for x in scores()]
    for side in (load(name).discriminator, load(name).generator):
        assert torch.autograd.gradcheck(side, at)


@NAMES
def test_scores_beyond_all_bounds_do_not_overflow(name: str) -> None:
    for r in (-1e15, 1e15):
        real, fake = torch.full((4,), r), torch.full((4,), -r)
        for side in (load(name).discriminator, load(name).generator):
            assert side(real, fake).isfinite()
            assert all(slope.isfinite().all() for slope in slopes(side, real, fake))


@NAMES
def test_only_a_generator_that_says_so_looks_at_reals(name: str) -> None:
    along_reals, _ = slopes(load(name).generator, *scores())
    assert along_reals.any() == load(name).needs_reals == (name == "relativistic")


@NAMES
def test_sides_pull_fakes_apart_and_the_discriminator_pushes_reals_the_other_way(name: str) -> None:
    real, fake = torch.full((4,), 0.4), torch.full((4,), 0.6)
    real_d, fake_d = slopes(load(name).discriminator, real, fake)
    _, fake_g = slopes(load(name).generator, real, fake)
    assert (fake_d * fake_g < 0).all()
    assert (real_d * fake_d < 0).all()
    up = -1 if name == "lsgan" else 1  # where fakes are scored 1
    assert (up * fake_g < 0).all()


def test_minimax_and_non_saturating_pull_the_same_way_at_odds_as_the_scores_say() -> None:
    """Slopes are -s(f) and -(1 - s(f)): their ratio is exp(f), and both vanish nowhere."""
    real, fake = scores()
    _, ours = slopes(minimax.generator, real, fake)
    _, other = slopes(non_saturating.generator, real, fake)
    assert (ours < 0).all()
    assert (other < 0).all()
    torch.testing.assert_close(ours / other, fake.exp())


def test_non_saturating_slope_survives_a_certain_discriminator() -> None:
    real, fake = torch.zeros(1), torch.full((1,), -50.0)
    assert slopes(non_saturating.generator, real, fake)[1].item() == pytest.approx(-1)
    assert abs(slopes(minimax.generator, real, fake)[1].item()) < 1e-20


def test_logistic_discriminator_rests_at_the_log_of_the_odds() -> None:
    """Where 3 reals and 1 fake look alike, the best score is log 3 (Goodfellow, prop. 1)."""
    real, fake = (torch.full((count,), math.log(3)) for count in (3, 1))
    along_real, along_fake = slopes(logistic.discriminator, real, fake)
    assert (3 * along_real.sum() + along_fake.sum()).item() == pytest.approx(0, abs=1e-6)


def test_hinge_asks_no_more_than_its_margins() -> None:
    real, fake = torch.tensor([1.1, 0.9, -3.0, 50.0]), torch.tensor([-1.1, -0.9, 3.0, -50.0])
    along_real, along_fake = slopes(hinge.discriminator, real, fake)
    assert along_real.tolist() == [0, -0.25, -0.25, 0]
    assert along_fake.tolist() == [0, 0.25, 0.25, 0]


def test_relativistic_depends_on_differences_of_pairs_alone() -> None:
    real, fake = scores()
    for side in (relativistic.discriminator, relativistic.generator):
        torch.testing.assert_close(side(real + 7, fake + 7), side(real, fake))
        assert side(real.flip(0), fake) != side(real, fake)
        assert side(real.flip(0), fake.flip(0)) == pytest.approx(side(real, fake).item())


def test_relativistic_sides_are_each_others_mirror_image() -> None:
    real, fake = scores()
    ours = relativistic.discriminator(real, fake)
    assert ours.equal(relativistic.generator(fake, real))


def test_wasserstein_slopes_are_one_by_the_number_of_scores() -> None:
    real, fake = torch.randn(4, generator=torch.Generator().manual_seed(0)), torch.zeros(2)
    along_real, along_fake = slopes(wgan_gp.discriminator, real, fake)
    assert along_real.tolist() == [-0.25] * 4
    assert along_fake.tolist() == [0.5] * 2


def test_least_squares_discriminator_rests_at_0_and_1_and_weighs_fakes_a_tenth() -> None:
    real, fake = torch.zeros(4), torch.ones(4)
    assert lsgan.discriminator(real, fake).item() == 0
    assert lsgan.discriminator(real + 2, fake).item() == pytest.approx(4)
    assert lsgan.discriminator(real, fake + 2).item() == pytest.approx(0.4)
    assert lsgan.generator(real, fake).item() == 1


def test_running_fake_score_by_hand() -> None:
    d = torch.tensor(0.0)
    found = []
    for score in ([0.4, 0.8], [5.0, 7.0], [-3.0, 1.0], [1.0, 1.0]):
        d = lsgan.running_score(d, torch.tensor(score))
        found.append(d.item())
    assert found == pytest.approx([0.06, 0.154, 0.1386, 0.22474])


@pytest.mark.parametrize(
    ("d", "strength"), [(0.0, 0.0), (0.5, 0.0), (0.6, 0.002), (0.75, 0.0125), (1.0, 0.05)]
)
def test_noise_strength_by_hand(d: float, strength: float) -> None:
    found = lsgan.noise_strength(torch.tensor(d, dtype=torch.float64))
    assert found.item() == pytest.approx(strength)
