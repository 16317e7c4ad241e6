"""DCGAN (Radford et al. 2016): sizes by hand, a forward of literal loops, first values."""

from typing import Any

import numpy as np
import pytest
import torch
from literal import layers
from literal import networks as literal
from literal.layers import Array, lrelu
from specs import DCGAN, network_spec
from tinynets import discriminator, generator, latents, layer_sizes, pictures
from torch import nn

from pgpipe import rng
from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.minibatch import Noise, noise_before

KEY = rng.key(0, "noise", 0)
RADFORD = {"fmap_base": 2048, "fmap_max": 1024, "latent_size": 100}


def dcgan(**changes: Any) -> NetworkSpec:
    return network_spec(**{**DCGAN, "fmap_base": 16, "fmap_max": 8, **changes})


def test_parameters_of_each_layer_of_the_generator_at_64() -> None:
    """A gain and a bias for each normalised feature map; a bias for each color."""
    assert layer_sizes(dcgan(**RADFORD), 64, "generator") == {
        "blocks.4.0": 100 * 4 * 4 * 1024 + 2 * 1024,
        "blocks.8.0": 1024 * 512 * 25 + 2 * 512,
        "blocks.16.0": 512 * 256 * 25 + 2 * 256,
        "blocks.32.0": 256 * 128 * 25 + 2 * 128,
        "to_rgb.64": 128 * 3 * 25 + 3,
    }


def test_parameters_of_each_layer_of_the_discriminator_at_64() -> None:
    assert layer_sizes(dcgan(**RADFORD), 64, "discriminator") == {
        "blocks.64.conv": 3 * 128 * 25 + 128,
        "blocks.32.conv": 128 * 256 * 25 + 2 * 256,
        "blocks.16.conv": 256 * 512 * 25 + 2 * 512,
        "blocks.8.conv": 512 * 1024 * 25 + 2 * 1024,
        "blocks.4.score": 16 * 1024 + 1,
    }


def transposed(x: Array, weight: Array) -> Array:
    """Each input pixel adds its kernel [5, 5] around twice its place: [N, C, H, W] -> 2H, 2W."""
    (N, _, H, W), (C, K, _, _) = x.shape, weight.shape
    out = np.zeros((N, K, 2 * H, 2 * W))
    for n, c, i, j, k, a, b in np.ndindex(N, C, H, W, K, 5, 5):
        y, z = 2 * i + a - 2, 2 * j + b - 2
        if 0 <= y < 2 * H and 0 <= z < 2 * W:
            out[n, k, y, z] += x[n, c, i, j] * weight[c, k, a, b]
    return out


def strided(x: Array, weight: Array) -> Array:
    """Every second pixel of a 5x5 correlation: [N, C, H, W] -> H / 2, W / 2."""
    return layers.conv(x, weight)[:, :, ::2, ::2]


def normed(named: dict[str, Array], name: str, x: Array) -> Array:
    gain, bias = named.get(f"{name}.norm.gain"), named[f"{name}.bias"]
    if gain is None:
        return np.asarray(x + layers.by_map(bias, x))
    return layers.batch_norm(x, gain, bias)


def parameters(net: nn.Module) -> dict[str, Array]:
    return {name: p.detach().double().numpy() for name, p in net.named_parameters()}


def literal_generator(net: nn.Module, z: Array, resolution: int) -> Array:
    named = parameters(net)
    x = np.einsum("nc,ckij->nkij", z, named["blocks.4.0.weight"])
    x = lrelu(normed(named, "blocks.4.0", x), 0)
    size = 8
    while size < resolution:
        x = transposed(x, named[f"blocks.{size}.0.weight"])
        x, size = lrelu(normed(named, f"blocks.{size}.0", x), 0), 2 * size
    x = transposed(x, named[f"to_rgb.{size}.weight"])
    return np.tanh(normed(named, f"to_rgb.{size}", x))


def literal_discriminator(net: nn.Module, x: Array, noise: literal.Step) -> Array:
    named = parameters(net)
    while x.shape[2] > 4:
        name = f"blocks.{x.shape[2]}.conv"
        x = lrelu(normed(named, name, strided(noise(x), named[f"{name}.weight"])))
    x = noise(x).reshape(len(x), -1) @ named["blocks.4.score.weight"].T
    return np.asarray(x + named["blocks.4.score.bias"])


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("resolution", [8, 16])
def test_generator_equals_its_loops(resolution: int) -> None:
    net, z = generator(dcgan(fmap_max=4), resolution), latents(3)
    expected = literal_generator(net, z.numpy(), resolution)
    np.testing.assert_allclose(net(z).detach(), expected, rtol=1e-8, atol=1e-12)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("resolution", [8, 16])
def test_discriminator_equals_its_loops_with_noise_before_each_layer(resolution: int) -> None:
    net, images = discriminator(dcgan(classes=2), resolution), pictures(3, resolution)
    expected = literal_discriminator(net, images.numpy(), literal.noise(0.3, KEY))
    noisy = Noise(torch.tensor(0.3), KEY)
    with noise_before(net.noisy(), noisy):
        scores, logits = (part.detach() for part in net(images))
    np.testing.assert_allclose(scores, expected[:, 0], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(logits, expected[:, 1:], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(("resolution", "channels"), [(8, 3), (32, 1), (64, 3)])
def test_shapes(resolution: int, channels: int) -> None:
    spec = dcgan(channels=channels, classes=3)
    images = generator(spec, resolution)(latents(2), torch.tensor([0, 2]))
    assert images.shape == (2, channels, resolution, resolution)
    assert images.abs().max() <= 1
    scores, logits = discriminator(spec, resolution)(images)
    assert scores.shape == (2,)
    assert logits.shape == (2, 3)


def test_all_layers_but_those_at_the_pixels_and_the_score_are_normalised() -> None:
    names = [name for name, _ in weights.names(dcgan(), 32) if name.endswith("gain")]
    assert {name.removesuffix(".norm.gain") for name in names} == {
        "generator.blocks.4.0",
        "generator.blocks.8.0",
        "generator.blocks.16.0",
        "discriminator.blocks.16.conv",
        "discriminator.blocks.8.conv",
    }


def test_first_weights_and_gains_spread_by_0_02() -> None:
    drawn = weights.initial(dcgan(fmap_base=512, fmap_max=128, latent_size=32), 32, 0)
    for name, value in drawn.items():
        if name.endswith("bias"):
            assert value.eq(0).all()
            continue
        error = 5 * 0.02 / value.numel() ** 0.5
        assert value.mean().item() == pytest.approx(float(name.endswith("gain")), abs=error), name
        assert value.std().item() == pytest.approx(0.02, abs=error), name
