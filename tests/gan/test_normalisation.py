"""Normalisations against literal numpy; their place between convolution, bias and activation."""

import math

import numpy as np
import pytest
import torch
from literal import layers as literal
from literal.layers import Array
from literal.networks import LiteralDiscriminator, LiteralGenerator
from specs import ROW_A, network_spec
from tinynets import discriminator, disturbed, generator, latents, pictures
from torch import Tensor, nn

from pgpipe.gan.layers import Conv, Dense, DownConv, Layer, LayerOptions, Seed4x4, UpConv
from pgpipe.gan.normalisation import BatchNorm, LayerNorm, pixel_norm, response_norm

BATCH, LAYER = (
    LayerOptions(equalised=False, norm="batch"),
    LayerOptions(equalised=False, norm="layer"),
)


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (3, 7)])
@pytest.mark.usefixtures("in_double")
def test_pixel_norm(shape: tuple[int, ...]) -> None:
    x = noise(*shape)
    expected = literal.pixel_norm(x)
    np.testing.assert_allclose(pixel_norm(torch.tensor(x)), expected, rtol=1e-12)


@pytest.mark.usefixtures("in_double")
def test_pixel_norm_of_tiny_values_is_held_by_epsilon() -> None:
    x = np.full((1, 4, 1, 1), 1e-4)
    np.testing.assert_allclose(pixel_norm(torch.tensor(x)), math.sqrt(0.5), rtol=1e-12)
    assert pixel_norm(torch.zeros(1, 4, 1, 1)).eq(0).all()


@pytest.mark.usefixtures("in_double")
def test_response_norm_is_krizhevsky_s() -> None:
    x = 50 * noise(2, 8, 3, 3)
    expected = literal.response_norm(x)
    np.testing.assert_allclose(response_norm(torch.tensor(x)), expected, rtol=1e-9)
    assert abs(expected - x / 2**0.75).max() > 1, "the neighbours count"


def test_pixel_norm_keeps_no_pixel_apart_from_its_maps() -> None:
    x = torch.tensor(noise(1, 5, 4, 4)).float()
    scaled = x * torch.linspace(0.5, 9, 16).view(1, 1, 4, 4)
    torch.testing.assert_close(pixel_norm(x), pixel_norm(scaled))


@pytest.mark.usefixtures("in_double")
def test_derivatives_of_pixel_norm() -> None:
    x = torch.tensor(noise(4, 3, 2, 2), requires_grad=True)
    assert torch.autograd.gradcheck(pixel_norm, (x,))
    assert torch.autograd.gradgradcheck(pixel_norm, (x,))


# Batch and layer normalisation


def normalised(norm: nn.Module, x: Array, gain: Array, bias: Array) -> Array:
    norm.double().load_state_dict({"gain": torch.tensor(gain)})
    out: Array = norm(torch.tensor(x), torch.tensor(bias)).detach().numpy()
    return out


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (5, 3), (1, 3, 4, 4), (2, 3, 1, 1)])
def test_batch_norm_is_by_the_minibatchs_population_variance(shape: tuple[int, ...]) -> None:
    x, gain, bias = 2 + 3 * noise(*shape), noise(3, seed=1), noise(3, seed=2)
    expected = literal.batch_norm(x, gain, bias)
    np.testing.assert_allclose(normalised(BatchNorm(3), x, gain, bias), expected, rtol=1e-10)


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (5, 3), (1, 3, 1, 1)])
def test_layer_norm_is_by_each_images_population_variance(shape: tuple[int, ...]) -> None:
    x, gain, bias = 2 + 3 * noise(*shape), np.array(1.7), noise(3, seed=2)
    expected = literal.layer_norm(x, 1.7, bias)
    np.testing.assert_allclose(normalised(LayerNorm(), x, gain, bias), expected, rtol=1e-10)


@pytest.mark.parametrize("norm", [BatchNorm(3), LayerNorm()])
def test_norms_of_equal_values_are_held_by_an_epsilon_of_1e_4(norm: nn.Module) -> None:
    x = np.zeros((1, 3, 1, 2))
    x[..., 0] = 1e-2  # variance 2.5e-5 around 5e-3
    gain = np.ones([len(p) for p in norm.parameters() if p.ndim])
    out = normalised(norm, x, gain, np.zeros(3))
    assert out[..., 0] == pytest.approx(5e-3 / math.sqrt(1.25e-4))


def test_batch_norm_needs_the_others_and_layer_norm_does_not() -> None:
    x, gain, bias = noise(4, 3, 2, 2), noise(3, seed=1), noise(3, seed=2)
    whole, part = (normalised(BatchNorm(3), y, gain, bias) for y in (x, x[:2]))
    assert abs(whole[:2] - part).max() > 0.1
    whole, part = (normalised(LayerNorm(), y, np.array(1.7), bias) for y in (x, x[:2]))
    np.testing.assert_allclose(whole[:2], part, rtol=1e-12)


@pytest.mark.parametrize("options", [BATCH, LAYER])
@pytest.mark.parametrize("kind", [Conv, UpConv, DownConv])
def test_gain_and_bias_come_after_the_norm_of_a_layer_without_them(
    kind: type[Conv], options: LayerOptions
) -> None:
    layer, x = filled(kind(3, 4, 3, options=options)), torch.tensor(noise(2, 3, 4, 4))
    linear = layer.linear(x, None).detach().numpy()
    bias, gain = layer.bias.detach().numpy(), dict(layer.named_parameters())["norm.gain"].detach()
    expected = (
        literal.batch_norm(linear, gain.numpy(), bias)
        if options is BATCH
        else literal.layer_norm(linear, gain.item(), bias)
    )
    np.testing.assert_allclose(layer(x).detach(), expected, rtol=1e-10)


def filled(layer: Layer) -> Layer:
    for number, parameter in enumerate(layer.parameters()):
        parameter.data = torch.tensor(noise(*parameter.shape, seed=number))
    return layer


@pytest.mark.parametrize("options", [BATCH, LAYER])
def test_second_derivatives_of_norms(options: LayerOptions) -> None:
    layer, x = filled(Conv(2, 3, 3, options=options)), torch.tensor(noise(2, 2, 3, 3))
    x.requires_grad_()
    assert torch.autograd.gradcheck(layer, (x,))
    assert torch.autograd.gradgradcheck(lambda x: layer(x).square(), (x,), atol=1e-4)


@pytest.mark.parametrize("layer", [Conv(3, 4, 3, options=BATCH), Seed4x4(3, 4, options=BATCH)])
def test_a_constant_added_before_batch_norm_is_forgotten(layer: Layer) -> None:
    filled(layer)
    x = torch.tensor(noise(2, 3, 4, 4) if isinstance(layer, Conv) else noise(2, 3))
    shifted = layer.linear(x, 5 * torch.ones(4, dtype=torch.float64))
    assert layer.norm is not None
    torch.testing.assert_close(layer.norm(shifted, layer.bias), layer(x))


# In whole networks

SWITCHES = {
    "row a": ROW_A,
    "batch": {"generator_norm": "batch", "discriminator_norm": "batch"},
    "none": {"generator_norm": "none", "discriminator_norm": "layer", "equalised_lr": False},
    "response": {"generator_norm": "response"},
    "pixel, relu": {"generator_activation": "relu", "tanh": True},
}
CASES = pytest.mark.parametrize("changes", SWITCHES.values(), ids=SWITCHES)
FADES = pytest.mark.parametrize("fade", [None, 0.3])


@CASES
@FADES
@pytest.mark.usefixtures("in_double")
def test_generator_equals_the_table_with_its_switches(
    changes: dict[str, str], fade: float | None
) -> None:
    net, z = generator(network_spec(**changes), 8), latents(3)
    expected = LiteralGenerator(net, net.spec)(z.numpy(), 8, fade=1 if fade is None else fade)
    out = net(z, fade=None if fade is None else torch.tensor(fade)).detach()
    np.testing.assert_allclose(out, expected, rtol=1e-8, atol=1e-10)


@CASES
@FADES
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.usefixtures("in_double")
def test_discriminator_equals_the_table_with_its_switches(
    changes: dict[str, str], fade: float | None, fused: bool
) -> None:
    spec = network_spec(**{**changes, "minibatch_stddev": True}, fused_downsampling=fused)
    net, images = discriminator(spec, 8), pictures(3, 8)
    expected = LiteralDiscriminator(net, spec)(images.numpy(), fade=1 if fade is None else fade)
    scores, _ = net(images, None if fade is None else torch.tensor(fade))
    np.testing.assert_allclose(scores.detach(), expected[:, 0], rtol=1e-8, atol=1e-10)


def normed_layers(net: nn.Module) -> set[str]:
    gains = (name for name, _ in net.named_parameters() if name.endswith(".norm.gain"))
    return {name.removesuffix(".norm.gain") for name in gains}


def test_every_layer_is_normalised_but_those_from_and_to_pixels_and_the_score() -> None:
    assert normed_layers(generator(network_spec(**ROW_A), 8)) == {
        "blocks.4.seed", "blocks.4.conv", "blocks.8.up", "blocks.8.conv"
    }  # fmt: skip
    for norm in ("layer", "batch"):
        spec = network_spec(discriminator_norm=norm)
        assert normed_layers(discriminator(spec, 8)) == {
            "blocks.8.conv", "blocks.8.down", "blocks.4.conv", "blocks.4.dense"
        }  # fmt: skip


def test_networks_hold_no_running_statistics() -> None:
    spec = network_spec(generator_norm="batch", discriminator_norm="batch")
    for net in (generator(spec, 8), discriminator(spec, 8)):
        assert list(net.state_dict()) == [name for name, _ in net.named_parameters()]
        before = {name: value.clone() for name, value in net.state_dict().items()}
        net(latents(4) if "seed" in str(net) else pictures(4, 8))
        assert all(value.equal(before[name]) for name, value in net.state_dict().items())


def test_evaluation_mode_uses_the_minibatchs_statistics_too() -> None:
    net, z = generator(network_spec(generator_norm="batch"), 8), latents(4)
    assert net.eval()(z).equal(net.train()(z))


@pytest.mark.parametrize(("norm", "depends"), [("batch", True), ("pixel", False), ("none", False)])
def test_only_with_batch_norm_an_image_depends_on_its_minibatch(norm: str, depends: bool) -> None:
    net, z = generator(network_spec(generator_norm=norm), 8), latents(6)
    apart = (net(z)[:2] - net(z[:2])).abs().max().item()
    assert apart > 0.01 if depends else apart < 1e-5


def test_labels_are_normalised_with_the_latent_only_if_joined() -> None:
    z, labels = latents(2), torch.tensor([2, 0])
    hot = torch.eye(3)[labels]
    for norm, expected in {
        "latent": torch.cat([pixel_norm(z), hot], dim=1),
        "joined": pixel_norm(torch.cat([z, hot], dim=1)),
        "none": torch.cat([z, hot], dim=1),
    }.items():
        joined = generator(network_spec(latent_norm=norm, classes=3), 4).join(z, labels)
        torch.testing.assert_close(joined, expected)


@pytest.mark.parametrize("latent_norm", ["latent", "joined", "none"])
def test_latents_length_counts_only_without_normalisation(latent_norm: str) -> None:
    net, z = generator(network_spec(latent_norm=latent_norm), 4), latents(3)
    apart: Tensor = (net(9 * z) - net(z)).abs().max()
    assert (apart > 0.1) == (latent_norm == "none")


def test_dense_layers_are_normalised_over_features() -> None:
    layer, x = filled(Dense(6, 4, options=LAYER)), torch.tensor(noise(3, 6))
    out = (disturbed(layer)(x) - layer.bias).detach()
    np.testing.assert_allclose(out.mean(dim=1), 0, atol=1e-12)
