"""What D sees of the minibatch as a whole, and the noise before its layers, by literal formulas."""

import math

import numpy as np
import pytest
import torch
from literal import layers as literal
from literal.layers import Array
from literal.networks import LiteralDiscriminator
from literal.networks import noise as literal_noise
from specs import network_spec
from tinynets import discriminator, pictures

from pgpipe import rng
from pgpipe.gan import weights
from pgpipe.gan.minibatch import MinibatchDiscrimination, Noise, minibatch_stddev, noise_before


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(
    ("N", "group", "groups"),
    [
        (5, 0, 1),  # the whole minibatch, as the paper
        (16, 0, 1),
        (12, 4, 3),  # TensorFlow: N / 4 groups of 4
        (16, 4, 4),
        (16, 2, 8),
        (4, 4, 1),
        (3, 4, 1),  # smaller than a group: one group
        (1, 4, 1),
        (1, 0, 1),
    ],
)
@pytest.mark.usefixtures("in_double")
def test_minibatch_stddev(N: int, group: int, groups: int) -> None:
    x = noise(N, 3, 4, 4) * np.linspace(0.1, 5, N)[:, None, None, None]
    out = minibatch_stddev(torch.tensor(x), group).numpy()
    assert out.shape == (N, 4, 4, 4)
    np.testing.assert_array_equal(out[:, :3], x)
    expected = np.broadcast_to(literal.deviations(x, groups)[:, None, None], (N, 4, 4))
    np.testing.assert_allclose(out[:, 3], expected, rtol=1e-12)


def test_stddev_of_equal_samples_is_the_root_of_epsilon() -> None:
    x = torch.ones(4, 3, 4, 4)
    torch.testing.assert_close(minibatch_stddev(x, 0)[:, 3], torch.full((4, 4, 4), 1e-4))


def test_gradient_of_stddev_is_finite_for_equal_samples() -> None:
    x = torch.ones(4, 3, 4, 4, requires_grad=True)
    minibatch_stddev(x, 0).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_stddev_of_the_whole_minibatch_ignores_its_order() -> None:
    x = torch.tensor(noise(6, 3, 4, 4)).float()
    ours = minibatch_stddev(x, 0)[:, 3]
    torch.testing.assert_close(minibatch_stddev(x.flip(0), 0)[:, 3], ours)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_stddev_is_computed_in_float32_whatever_the_precision(precision: torch.dtype) -> None:
    for seed in range(40):
        x = torch.tensor(8 + noise(6, 1, 1, 1, seed=seed)).to(precision)
        out = minibatch_stddev(x, 0)
        exact = torch.tensor(literal.deviations(x.double().numpy(), 1))
        assert out.dtype == precision
        assert out[:, 1, 0, 0].equal(exact.float().to(precision))  # rounded once, at the end


@pytest.mark.usefixtures("in_double")
def test_derivatives_of_stddev() -> None:
    x = torch.tensor(noise(4, 3, 2, 2), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: minibatch_stddev(x, 2), (x,))
    assert torch.autograd.gradgradcheck(lambda x: minibatch_stddev(x, 2), (x,))


# Minibatch discrimination (Salimans et al. 2016)


def discrimination(features: int, kernels: int) -> MinibatchDiscrimination:
    made = MinibatchDiscrimination(features, kernels)
    for number, parameter in enumerate(made.parameters()):
        parameter.data = 0.5 * torch.tensor(noise(*parameter.shape, seed=number))
    return made


def parts(made: MinibatchDiscrimination) -> tuple[Array, Array, Array]:
    direction, length, bias = (p.detach().numpy() for p in made.parameters())
    return direction, length, bias


@pytest.mark.usefixtures("in_double")
def test_closeness_is_summed_over_the_other_images() -> None:
    made, x = discrimination(4, 3), 0.3 * noise(5, 4, seed=9)
    expected = literal.discrimination(x, *parts(made))
    assert expected.shape == (5, 7)
    np.testing.assert_allclose(made(torch.tensor(x)).detach(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("in_double")
def test_equal_images_are_as_close_as_can_be() -> None:
    made = discrimination(4, 3)
    out = made(torch.tensor(noise(1, 4)).expand(6, 4))[:, 4:]
    torch.testing.assert_close(out, (5 + made.bias).expand(6, 3))


@pytest.mark.usefixtures("in_double")
def test_length_of_a_direction_does_not_count() -> None:
    made, x = discrimination(4, 3), torch.tensor(noise(5, 4))
    before = made(x)
    made.direction.data *= torch.tensor(noise(3, 5)).abs() + 0.1
    torch.testing.assert_close(made(x), before)


@pytest.mark.usefixtures("in_double")
def test_fit_brings_the_nearest_to_a_distance_of_2_and_the_mean_output_to_0() -> None:
    made, x = discrimination(4, 3), 7 * noise(30, 4, seed=9)
    made.fit(torch.tensor(x))
    apart = literal.distances(x, *parts(made)[:2])
    apart[np.arange(30), np.arange(30)] = np.inf
    np.testing.assert_allclose(apart.min(axis=1).mean(axis=0), 2, rtol=1e-10)
    np.testing.assert_allclose(made(torch.tensor(x))[:, 4:].detach().mean(dim=0), 0, atol=1e-10)


@pytest.mark.usefixtures("in_double")
def test_fit_forgets_the_scale_of_the_features() -> None:
    small, large, x = discrimination(4, 3), discrimination(4, 3), torch.tensor(noise(20, 4))
    small.fit(x)
    large.fit(100 * x)
    torch.testing.assert_close(small(x)[:, 4:], large(100 * x)[:, 4:])


@pytest.mark.usefixtures("in_double")
def test_fit_takes_the_scale_from_images_that_differ() -> None:
    """Every image twice: the nearest other image, at a distance of 0, has no logarithm."""
    made, x = discrimination(4, 3), 7 * noise(15, 4, seed=9)
    twice = np.repeat(x, 2, axis=0)
    made.fit(torch.tensor(twice))
    apart = literal.distances(x, *parts(made)[:2])
    apart[np.arange(15), np.arange(15)] = np.inf
    np.testing.assert_allclose(apart.min(axis=1).mean(axis=0), 2, rtol=1e-10)
    np.testing.assert_allclose(made(torch.tensor(twice))[:, 4:].detach().mean(dim=0), 0, atol=1e-10)


@pytest.mark.parametrize("apart", [0.0, 1e-7])
def test_fit_to_equal_images_keeps_the_lengths(apart: float) -> None:
    """Also where their features differ by rounding alone."""
    made, x = discrimination(4, 3).float(), 3 + apart * torch.tensor(noise(10, 4)).float()
    before = made.log_length.clone()
    made.fit(x)
    assert made.log_length.equal(before)
    torch.testing.assert_close(made(x)[:, 4:].mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)


@pytest.mark.usefixtures("in_double")
def test_derivatives_of_discrimination() -> None:
    made, x = discrimination(3, 2), torch.tensor(0.3 * noise(4, 3, seed=9), requires_grad=True)
    assert torch.autograd.gradcheck(made, (x,))
    assert torch.autograd.gradgradcheck(made, (x,))


def test_distances_are_float32_under_autocast() -> None:
    """Images that are almost alike differ by less than bfloat16 resolves."""
    made, x = discrimination(4, 3).float(), 100 + 0.1 * torch.tensor(noise(5, 4)).float()
    with torch.autocast("cpu", torch.bfloat16):
        under = made(x)
    torch.testing.assert_close(under, made(x))


KERNELS = network_spec(minibatch_discrimination=4, minibatch_stddev=False)


@pytest.mark.usefixtures("in_double")
def test_discriminator_has_kernels_before_its_score() -> None:
    net, images = discriminator(KERNELS, 8), pictures(4, 8)
    expected = LiteralDiscriminator(net, KERNELS)(images.numpy(), groups=0)
    np.testing.assert_allclose(net(images)[0].detach(), expected[:, 0], rtol=1e-8)


@pytest.mark.usefixtures("in_double")
def test_discriminator_fits_to_its_own_features_of_reals() -> None:
    net, images = discriminator(KERNELS, 8), pictures(20, 8)
    features = LiteralDiscriminator(net, KERNELS).features(images.numpy(), groups=0)
    before = {name: p.clone() for name, p in net.named_parameters()}
    net.fit(images)
    changed = {name for name, p in net.named_parameters() if not p.equal(before[name])}
    place = "blocks.4.discrimination"
    assert changed == {f"{place}.log_length", f"{place}.bias"}
    now = (net.get_parameter(f"{place}.{name}").detach().numpy() for name in PARAMETERS)
    extra = literal.discrimination(features, *now)[:, features.shape[1] :]
    np.testing.assert_allclose(extra.mean(axis=0), 0, atol=1e-8)


PARAMETERS = ("direction", "log_length", "bias")


def test_without_kernels_a_fit_changes_nothing() -> None:
    net = discriminator(network_spec(), 8)
    before = {name: p.clone() for name, p in net.named_parameters()}
    net.fit(pictures(20, 8))
    assert all(p.equal(before[name]) for name, p in net.named_parameters())


def test_first_values_of_kernels_are_those_of_the_papers_code() -> None:
    spec = network_spec(minibatch_discrimination=100, fmap_base=256, fmap_max=64)
    drawn = weights.initial(spec, 4, 0)
    direction, length, bias = (
        drawn[f"discriminator.blocks.4.discrimination.{name}"] for name in PARAMETERS
    )
    assert direction.shape == (64, 100, 5)
    assert direction.std().item() == pytest.approx(0.05, rel=0.02)
    assert length.eq(0).all()
    assert bias.eq(-1).all()


# Noise (Karras et al. 2018, appendix B)

KEY = rng.key(0, "noise", 0)


def factors(strength: float, N: int, C: int) -> torch.Tensor:
    """What noise multiplies each image's maps by: [N, C, 3, 4]."""
    return Noise(torch.tensor(strength), KEY)(torch.ones(N, C, 3, 4))


def test_noise_without_strength_is_none() -> None:
    x = pictures(3, 4)
    assert Noise(torch.tensor(0.0), KEY)(x).equal(x)


def test_noise_is_one_factor_for_each_image_and_map() -> None:
    drawn = factors(0.3, 4, 5)
    assert drawn.eq(drawn[:, :, :1, :1]).all()
    assert len(drawn[:, :, 0, 0].unique()) == 20


def test_noise_multiplies() -> None:
    x = torch.tensor(noise(4, 5, 3, 4)).float()
    torch.testing.assert_close(Noise(torch.tensor(0.3), KEY)(x), x * factors(0.3, 4, 5))


@pytest.mark.parametrize(("strength", "C"), [(0.2, 4), (0.05, 64)])
def test_noises_variance_is_strength_squared_times_maps(strength: float, C: int) -> None:
    drawn = factors(strength, 40_000 // C, C)[:, :, 0, 0].double()
    assert drawn.mean().item() == pytest.approx(1, abs=5 * strength * math.sqrt(C) / 200)
    assert drawn.var().item() == pytest.approx(strength**2 * C, rel=0.03)


def test_noise_is_drawn_anew_at_each_call_and_again_the_same_from_its_key() -> None:
    x = torch.ones(4, 5, 3, 4)
    runs = []
    for _ in range(2):
        once = Noise(torch.tensor(0.3), KEY)
        runs.append([once(x), once(x), once(x)])
    assert all(a.equal(b) for a, b in zip(*runs, strict=True))
    assert not any((a == b).any() for a, b in zip(runs[0], runs[0][1:], strict=False))


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("fused", [False, True])
def test_noise_comes_before_every_3x3_and_4x4_convolution(fused: bool) -> None:
    spec = network_spec(fused_downsampling=fused)
    net, images = discriminator(spec, 8), pictures(3, 8)
    expected = LiteralDiscriminator(net, spec)(images.numpy(), noise=literal_noise(0.3, KEY))
    with noise_before(net.noisy(), Noise(torch.tensor(0.3), KEY)):
        scores, _ = net(images)
    np.testing.assert_allclose(scores.detach(), expected[:, 0], rtol=1e-8)
