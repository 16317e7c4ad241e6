"""The weak networks of the discrete-mode test: sizes by hand, a literal forward, growth."""

from typing import Any

import numpy as np
import pytest
import torch
from literal import layers
from literal import networks as literal
from literal.layers import Array, blown_up, box, lrelu
from literal.networks import Literal, Step
from specs import network_spec
from tinynets import discriminator, generator, latents, layer_sizes, pictures

from pgpipe import rng
from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.layers import downsample
from pgpipe.gan.minibatch import Noise, noise_before

METZ = {"fmap_base": 128, "fmap_max": 64, "latent_size": 256}  # 64, 32, 16, 8 maps at 4, ..., 32
KEY = rng.key(0, "noise", 0)
NORMS = pytest.mark.parametrize("norm", ["pixel", "batch", "none"])


def weak(**changes: Any) -> NetworkSpec:
    return network_spec(**{"name": "weak", "fmap_base": 32, "fmap_max": 16, **changes})


def test_parameters_of_each_layer_of_the_generator() -> None:
    assert layer_sizes(weak(**METZ), 32, "generator") == {
        "blocks.4.layer": 256 * 64 * 16 + 64,
        "blocks.8.layer": 64 * 32 * 9 + 32,
        "blocks.16.layer": 32 * 16 * 9 + 16,
        "blocks.32.layer": 16 * 8 * 9 + 8,
        "to_rgb.4": 64 * 3 * 9 + 3,
        "to_rgb.8": 32 * 3 * 9 + 3,
        "to_rgb.16": 16 * 3 * 9 + 3,
        "to_rgb.32": 8 * 3 * 9 + 3,
    }


@pytest.mark.parametrize(
    ("K", "sizes"),
    [
        (1, (224, 1_168, 4_640, 529, 32, 64, 128)),
        (2, (112, 296, 1_168, 273, 16, 32, 64)),
        (4, (56, 76, 296, 145, 8, 16, 32)),
    ],
)
def test_parameters_of_each_layer_of_the_discriminator(K: int, sizes: tuple[int, ...]) -> None:
    """8 / K, 16 / K, 32 / K maps by 3x3 convolutions; 16 (32 / K + 1) features to the score."""
    names = ("blocks.32.conv", "blocks.16.conv", "blocks.8.conv", "blocks.4.score")
    entries = ("from_rgb.16", "from_rgb.8", "from_rgb.4")
    found = layer_sizes(weak(**METZ, discriminator_divisor=K), 32, "discriminator")
    assert found == dict(zip((*names, *entries), sizes, strict=True))


def test_divisor_leaves_the_generator_alone() -> None:
    strong, crippled = (
        layer_sizes(weak(**METZ, discriminator_divisor=K), 32, "generator") for K in (1, 4)
    )
    assert strong == crippled


class LiteralWeakGenerator(Literal):
    def __call__(self, z: Array, labels: list[int] | None, resolution: int, fade: float) -> Array:
        x = self.active(self.seed(self.joined(z, labels), "blocks.4.layer"), slope=0.3)
        images = self.conv(x, "to_rgb.4", gain=1)
        for size in [size for size in (8, 16, 32) if size <= resolution]:
            old = images
            x = self.conv(blown_up(x), f"blocks.{size}.layer", turned=True)
            x = self.active(x, slope=0.3)
            images = self.conv(x, f"to_rgb.{size}", gain=1)
        images = images if fade == 1 else (1 - fade) * blown_up(old) + fade * images
        return np.tanh(images) if self.spec.tanh else images


class LiteralWeakDiscriminator(Literal):
    def entered(self, images: Array) -> Array:
        size = images.shape[2]
        return images if size == 32 else lrelu(self.conv(images, f"from_rgb.{size}"))

    def block(self, x: Array, noise: Step) -> Array:
        return box(lrelu(self.conv(noise(x), f"blocks.{x.shape[2]}.conv")))

    def __call__(self, images: Array, fade: float, noise: Step) -> Array:
        x = self.entered(images)
        if images.shape[2] > 4:
            x = self.block(x, noise)
        if fade < 1:
            x = (1 - fade) * self.entered(box(images)) + fade * x
        while x.shape[2] > 4:
            x = self.block(x, noise)
        x = noise(layers.with_stddev(x, 1))
        return self.dense(x.reshape(len(x), -1), "blocks.4.score", gain=1)


CASES = pytest.mark.parametrize(("resolution", "fade"), [(4, 1), (8, 0.3), (32, 1), (32, 0.3)])


def as_given(fade: float) -> torch.Tensor | None:
    return None if fade == 1 else torch.tensor(fade)


@CASES
@NORMS
@pytest.mark.usefixtures("in_double")
def test_generator_is_one_convolution_a_resolution(resolution: int, fade: float, norm: str) -> None:
    spec = weak(generator_norm=norm, classes=2, tanh=norm == "batch", equalised_lr=norm == "pixel")
    net, z, labels = generator(spec, resolution), latents(3), [1, 0, 1]
    expected = LiteralWeakGenerator(net, spec)(z.numpy(), labels, resolution, fade)
    out = net(z, torch.tensor(labels), as_given(fade)).detach()
    np.testing.assert_allclose(out, expected, rtol=1e-8, atol=1e-10)


@CASES
@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
@pytest.mark.usefixtures("in_double")
def test_discriminator_is_one_convolution_a_resolution(
    resolution: int, fade: float, norm: str
) -> None:
    spec = weak(discriminator_norm=norm, discriminator_divisor=2, classes=2)
    net, images = discriminator(spec, resolution), pictures(3, resolution)
    expected = LiteralWeakDiscriminator(net, spec)(images.numpy(), fade, literal.noise(0.3, KEY))
    noisy = Noise(torch.tensor(0.3), KEY)
    with noise_before(net.noisy(), noisy):
        scores, logits = (part.detach() for part in net(images, as_given(fade)))
    np.testing.assert_allclose(scores, expected[:, 0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(logits, expected[:, 1:], rtol=1e-8, atol=1e-10)


def test_growth_in_steps_is_growth_at_once_and_keeps_the_names() -> None:
    steps: weights.Weights = {}
    for resolution, before in ((4, None), (8, 4), (16, 8), (32, 16)):
        new = weights.initial(weak(), resolution, 5, before)
        assert not steps.keys() & new.keys()
        steps |= new
    at_once = weights.initial(weak(), 32, 5)
    assert steps.keys() == at_once.keys()
    assert all(value.equal(at_once[name]) for name, value in steps.items())


@NORMS
@pytest.mark.parametrize("resolution", [8, 32])
def test_fade_0_is_the_old_network_and_fade_1_the_new_to_the_bit(
    norm: str, resolution: int
) -> None:
    spec, z, images = weak(generator_norm=norm), latents(4), pictures(4, resolution)
    G, D = generator(spec, resolution), discriminator(spec, resolution)
    old = generator(spec, resolution // 2)(z)
    assert G(z, fade=torch.tensor(0.0)).equal(old.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert G(z, fade=torch.tensor(1.0)).equal(G(z))
    before, _ = discriminator(spec, resolution // 2)(downsample(images))
    assert D(images, torch.tensor(0.0))[0].equal(before)
    assert D(images, torch.tensor(1.0))[0].equal(D(images)[0])
