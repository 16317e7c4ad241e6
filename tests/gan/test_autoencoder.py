"""Autoencoder, VAE, VAE-GAN: likelihoods, the encoder, and steps against formulas written out."""

import math
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
import torch
from literal.autoencoder import CodingTwin
from scipy import integrate, stats
from specs import CODER, network_spec, train_section
from taped import Taped
from tinynets import disturbed, pictures
from tinytraining import assert_equal, minibatch, networks
from torch import Tensor

from pgpipe import rng
from pgpipe.gan import weights
from pgpipe.gan.autoencoder import AutoencoderStep, Encoder, VaeGanStep, VaeStep
from pgpipe.gan.layers import downsample
from pgpipe.gan.losses.reconstruction import LIKELIHOODS, bernoulli, kl, sample
from pgpipe.gan.networks import Networks, tensors_of
from pgpipe.gan.step import BaseStep
from pgpipe.gan.systems import SYSTEMS
from pgpipe.training.capture import CapturedStep

STEPS: dict[str, type[BaseStep]] = {
    "autoencoder": AutoencoderStep,
    "vae": VaeStep,
    "vae-gan": VaeGanStep,
}


def images(name: str, scale: float = 0.9) -> Tensor:
    """Two images of 2x2 pixels in [-scale, scale], in float64."""
    drawn = rng.uniform((2, 3, 2, 2), rng.key(0, name, 0)).double()
    return scale * (2 * drawn - 1)


# Likelihoods and KL


def negative_logs(kind: str, found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Of scipy's densities, or of probabilities, up to the density's constant."""
    if kind == "bernoulli":
        p, q = (1 + found) / 2, (1 + wanted) / 2
        return -(q * np.log(p) + (1 - q) * np.log1p(-p))
    density = {"gaussian": stats.norm, "laplace": stats.laplace}[kind]
    return np.asarray(density.logpdf(0) - density.logpdf(wanted, loc=found))


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_likelihoods_are_summed_over_an_image_and_averaged_over_images(kind: str) -> None:
    found, wanted = images("found"), images("wanted")
    expected = negative_logs(kind, found.numpy(), wanted.numpy()).reshape(2, -1).sum(axis=1).mean()
    assert LIKELIHOODS[kind](found, wanted).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_nothing_is_more_likely_than_the_image_itself(kind: str) -> None:
    wanted = images("wanted")
    found = wanted.clone().requires_grad_()
    least = LIKELIHOODS[kind](found, wanted)
    assert all(LIKELIHOODS[kind](wanted + d, wanted) > least for d in (-0.05, 0.05))
    if kind != "laplace":  # which has no slope there
        (slope,) = torch.autograd.grad(least, found)
        torch.testing.assert_close(slope, torch.zeros_like(slope))


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_slopes_of_likelihoods_are_finite_differences(kind: str) -> None:
    found, wanted = images("found").requires_grad_(), images("wanted")
    assert torch.autograd.gradcheck(lambda x: LIKELIHOODS[kind](x, wanted), (found,))


def test_probabilities_of_0_and_1_have_finite_logarithms() -> None:
    black, white = -torch.ones(1, 3, 2, 2), torch.ones(1, 3, 2, 2).requires_grad_()
    loss = bernoulli(white, black)
    (slope,) = torch.autograd.grad(loss, white)
    assert loss.isfinite()
    assert slope.isfinite().all()


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (1.5, 0.2), (-0.7, 3.0)])
def test_kl_is_the_integral_of_its_definition(mean: float, variance: float) -> None:
    density, prior = stats.norm(mean, math.sqrt(variance)), stats.norm()

    def integrand(x: float) -> float:
        return float(density.pdf(x) * (density.logpdf(x) - prior.logpdf(x)))

    reach = 12 * math.sqrt(variance)
    expected, _ = integrate.quad(integrand, mean - reach, mean + reach)
    codes = torch.tensor([[mean, 0.0]]), torch.tensor([[math.log(variance), 0.0]])
    assert kl(*codes).item() == pytest.approx(expected, abs=1e-7)


@pytest.mark.usefixtures("in_double")
def test_slopes_of_kl_are_finite_differences_and_it_is_summed_over_a_code() -> None:
    mean, log_variance = (rng.normal((3, 4), rng.key(0, n, 0)).double() for n in "ml")
    parts = mean.requires_grad_(), log_variance.requires_grad_()
    assert torch.autograd.gradcheck(kl, parts)
    each = [kl(mean[n : n + 1, k : k + 1], log_variance[n : n + 1, k : k + 1]).item()
            for n in range(3) for k in range(4)]  # fmt: skip
    assert kl(*parts).item() == pytest.approx(sum(each) / 3)


def test_codes_have_their_mean_and_variance() -> None:
    normal = rng.normal((100_000, 1), rng.key(0, "normal", 0))
    drawn = sample(torch.full((1, 1), 2.0), torch.full((1, 1), math.log(0.25)), normal)
    assert drawn.mean().item() == pytest.approx(2, abs=0.01)
    assert drawn.var().item() == pytest.approx(0.25, abs=0.01)


# The encoder


def encoder(resolution: int, **changes: Any) -> Encoder:
    spec = network_spec(**{**CODER, **changes})
    net = cast("Encoder", weights.network(spec, "encoder", resolution))
    weights.load(net, weights.initial(spec, resolution, 0), "encoder")
    return disturbed(net)


def test_an_image_s_code_does_not_depend_on_the_others() -> None:
    net, x = encoder(16), pictures(4, 16)
    mean, log_variance = net(x)
    assert mean.shape == log_variance.shape == (4, 5)
    assert not mean.allclose(log_variance, atol=0.1)
    for n in range(4):
        alone = net(x[n : n + 1])
        for whole, part in zip((mean, log_variance), alone, strict=True):
            torch.testing.assert_close(whole[n : n + 1], part, rtol=1e-4, atol=1e-5)


def test_an_encoder_that_begins_to_fade_sees_what_the_smaller_one_sees() -> None:
    x, large = pictures(2, 16), encoder(16)
    small = encoder(8)
    small.load_state_dict({k: v for k, v in large.state_dict().items() if k in small.state_dict()})
    for new, old in zip(large(x, torch.tensor(0.0)), small(downsample(x)), strict=True):
        torch.testing.assert_close(new, old)
    for new, old in zip(large(x, torch.tensor(1.0)), large(x), strict=True):
        torch.testing.assert_close(new, old)


def test_an_encoder_has_ds_layers_by_name_but_for_the_last() -> None:
    spec = network_spec(**CODER, channels=1)
    named: dict[str, list[str]] = {"encoder": [], "discriminator": []}
    for name, _ in weights.names(spec.model_copy(update={"name": "vae-gan"}), 16):
        kind, _, rest = name.partition(".")
        named.setdefault(kind, []).append(rest)
    assert [n.replace("score", "moments") for n in named["discriminator"]] == named["encoder"]


# Steps

Case = tuple[str, dict[str, Any], dict[str, Any], float | None]
CASES: list[Case] = [
    ("autoencoder", {}, {}, None),
    ("autoencoder", {"reconstruction": "laplace", "mirror": True}, {}, 0.4),
    ("vae", {"kl_weight": 0.3, "minibatch_per_device": 3, "mirror": True}, {}, 0.6),
    ("vae", {"reconstruction": "bernoulli"}, {"tanh": True}, None),
    ("vae-gan", {}, {}, None),
    ("vae-gan", {"discriminator_steps": 2, "kl_weight": 0.3, "mirror": True}, {}, 0.3),
    ("vae-gan", {"loss": "lsgan", "minibatch_stddev": 4, "minibatch_per_device": 4}, {}, 0.3),
    ("vae-gan", {"loss": "relativistic", "minibatch_stddev": False}, {"tanh": True}, None),
    ("vae-gan", {"minibatch_stddev": False}, {"minibatch_discrimination": 2}, None),
]


def started(system: str, changes: dict[str, Any], model: dict[str, Any]) -> tuple[Networks, Any]:
    """Networks, and their section `train`: where D hears noise, it does from the first step."""
    decided = SYSTEMS[system].decided_of_train
    train = train_section(**{"learning_rate": 0.001, **decided, **changes})
    seen = {"minibatch_stddev": train.minibatch_stddev}
    nets = networks(train, **{**CODER, **seen, "name": system, **model})
    if nets.fake_score is not None:
        nets.fake_score.fill_(0.9)
    return nets, train


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(("system", "changes", "model", "fade"), CASES)
def test_three_steps_equal_the_formulas_written_out(
    system: str, changes: dict[str, Any], model: dict[str, Any], fade: float | None
) -> None:
    nets, train = started(system, changes, model)
    step, twin = STEPS[system](nets, train), CodingTwin(nets, train)
    images = 8 * train.discriminator_steps
    for first in range(0, 3 * images, images):
        batches = [minibatch(seen, 0, fade) for seen in range(first, first + images, 8)]
        np.testing.assert_allclose(step(batches), twin(batches), rtol=1e-6, atol=1e-12)
    for name, net in nets.named():
        for a, b in zip(net.parameters(), twin.nets[name].parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)
    if nets.fake_score is not None:
        assert nets.fake_score.item() == pytest.approx(twin.running, rel=1e-9)


@pytest.mark.parametrize("system", STEPS)
def test_figures_are_named(system: str) -> None:
    nets, train = started(system, {}, {})
    assert STEPS[system](nets, train)([minibatch()]).shape == (len(SYSTEMS[system].statistics),)


@pytest.mark.parametrize("system", STEPS)
def test_bfloat16_stays_finite_and_in_float32(system: str) -> None:
    nets, train = started(system, {"precision": "bf16"}, {})
    step = STEPS[system](nets, train)
    for n in range(3):
        assert step([minibatch(8 * n, 0, n / 3)]).isfinite().all()
    for _, net in nets.named():
        assert all(p.dtype == torch.float32 and p.isfinite().all() for p in net.parameters())


def test_the_realness_of_fakes_moves_the_decoder_alone() -> None:
    """Larsen et al. 2016: the encoder is not to fool D, the decoder knows nothing of the prior."""
    moved: dict[str, list[list[Tensor]]] = {"encoder": [], "generator": []}
    for changes in ({}, {"kl_weight": 0.0}, {"feature_weight": 7.0}):
        nets, train = started("vae-gan", changes, {})
        step = VaeGanStep(nets, train)
        step.update_generator(minibatch())
        for name, found in moved.items():
            found.append([p.grad for p in nets.trained[name].parameters() if p.grad is not None])

    def same(name: str, a: int, b: int) -> bool:
        return all(x.equal(y) for x, y in zip(moved[name][a], moved[name][b], strict=True))

    assert not same("encoder", 0, 1)
    assert same("generator", 0, 1), "the KL is the encoder's"
    assert same("encoder", 0, 2), "gamma is the decoder's"
    assert not same("generator", 0, 2)


def taped(nets: Networks) -> Taped:
    return Taped(lambda: list(tensors_of(nets).values()))


@pytest.mark.parametrize("system", STEPS)
def test_a_step_is_captured_and_divided_as_any_other(system: str) -> None:
    """Recorded once and repeated, it gives the same bits; in parts, the same but for rounding."""
    ends = {}
    for way, changes in (("plain", {}), ("captured", {}), ("parts", {"minibatch_per_device": 4})):
        nets, train = started(system, {"minibatch_stddev": False, **changes}, {})
        step: Any = STEPS[system](nets, train)
        if way == "captured":
            step = CapturedStep(step, partial(taped, nets))
        for n in range(5):
            step([minibatch(8 * n, 0, n / 5)])
        ends[way] = tensors_of(nets)
    assert_equal(ends["plain"], ends["captured"])
    for name, value in ends["plain"].items():
        if not name.startswith("adam"):
            torch.testing.assert_close(ends["parts"][name], value, rtol=0, atol=1e-3)
