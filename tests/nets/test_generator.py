"""The generator: the paper's table to the number, an independent numpy twin, growth."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import convolve2d, correlate2d
from torch import Tensor, nn

from pgpipe import rng
from pgpipe.nets import weights
from pgpipe.nets.config import NetworkSpec
from pgpipe.nets.generator import Generator
from pgpipe.nets.layers import Conv, Seed4x4, lrelu

Array = NDArray[np.float64]


def spec(**changes: Any) -> NetworkSpec:
    tiny = {"fmap_base": 32, "fmap_max": 6, "latent_size": 5, "fused_downsampling": False}
    rest = {"channels": 3, "classes": 0, "minibatch_stddev": True}
    return NetworkSpec(**{**tiny, **rest, **changes})


PAPER = {"fmap_base": 8192, "fmap_max": 512, "latent_size": 512}
CIFAR = {"fmap_base": 4096, "fmap_max": 128, "latent_size": 128}


def build(spec: NetworkSpec, resolution: int, seed: int = 0) -> Generator:
    """A generator whose biases are random as well."""
    net = Generator(spec, resolution)
    weights.load(net, weights.initial(spec, resolution, seed), "generator")
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            parameter.data = 0.3 * rng.normal(tuple(parameter.shape), rng.key(seed, name, 1))
    return net


def latents(count: int, size: int = 5) -> Tensor:
    return rng.normal((count, size), rng.key(0, "z", 0))


def counts(net: nn.Module) -> dict[str, int]:
    """Weights and biases by layer."""
    found: dict[str, int] = {}
    for name, parameter in net.named_parameters():
        layer = name.rpartition(".")[0]
        found[layer] = found.get(layer, 0) + parameter.numel()
    return found


def on_meta(changes: dict[str, int], resolution: int) -> dict[str, int]:
    with torch.device("meta"):
        return counts(Generator(spec(**changes), resolution))


def test_parameters_of_each_layer_at_1024() -> None:
    assert on_meta(PAPER, 1024) == {
        "blocks.4.seed": 4_194_816,
        "blocks.4.conv": 2_359_808,
        "blocks.8.up": 2_359_808,
        "blocks.8.conv": 2_359_808,
        "blocks.16.up": 2_359_808,
        "blocks.16.conv": 2_359_808,
        "blocks.32.up": 2_359_808,
        "blocks.32.conv": 2_359_808,
        "blocks.64.up": 1_179_904,
        "blocks.64.conv": 590_080,
        "blocks.128.up": 295_040,
        "blocks.128.conv": 147_584,
        "blocks.256.up": 73_792,
        "blocks.256.conv": 36_928,
        "blocks.512.up": 18_464,
        "blocks.512.conv": 9_248,
        "blocks.1024.up": 4_624,
        "blocks.1024.conv": 2_320,
        "to_rgb.4": 1_539,
        "to_rgb.8": 1_539,
        "to_rgb.16": 1_539,
        "to_rgb.32": 1_539,
        "to_rgb.64": 771,
        "to_rgb.128": 387,
        "to_rgb.256": 195,
        "to_rgb.512": 99,
        "to_rgb.1024": 51,
    }


def test_parameters_in_all_at_1024() -> None:
    layers = on_meta(PAPER, 1024)
    assert sum(layers.values()) == 23_079_115
    last = sum(n for name, n in layers.items() if "to_rgb" not in name) + layers["to_rgb.1024"]
    assert last == 23_071_507


def test_parameters_at_cifars_32_count_the_to_rgb_of_all_four_resolutions() -> None:
    layers = on_meta(CIFAR, 32)
    assert sum(layers.values()) == 1_296_908  # the paper's 1.297 M
    without = sum(n for name, n in layers.items() if "to_rgb" not in name)
    assert without + layers["to_rgb.32"] == 1_295_747  # would be 1.296 M


def test_labels_widen_only_the_seed() -> None:
    plain, labelled = on_meta(CIFAR, 32), on_meta({**CIFAR, "classes": 10}, 32)
    differing = {
        name: labelled[name] - plain[name] for name in plain if labelled[name] != plain[name]
    }
    assert differing == {"blocks.4.seed": 10 * 128 * 16}


def normed(x: Array) -> Array:
    return np.asarray(x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-8))


def blown_up(x: Array) -> Array:
    return x.repeat(2, axis=2).repeat(2, axis=3)


class Literal:
    """The generator as the paper's table has it, in numpy, from the same named weights."""

    def __init__(self, net: Generator) -> None:
        self.named = {name: p.detach().double().numpy() for name, p in net.named_parameters()}
        self.classes = net.spec.classes

    def seed(self, x: Array) -> Array:
        weight, bias = self.named["blocks.4.seed.weight"], self.named["blocks.4.seed.bias"]
        scale = np.sqrt(2 / (16 * x.shape[1]))
        return np.asarray(np.einsum("nc,ckij->nkij", x, weight) * scale + bias[:, None, None])

    def conv(self, x: Array, name: str, gain: float = np.sqrt(2)) -> Array:
        weight, bias = self.named[f"{name}.weight"], self.named[f"{name}.bias"]
        slide = convolve2d if name.endswith("up") else correlate2d
        scale = gain / np.sqrt(weight[0].size)
        out = np.empty((len(x), len(weight), *x.shape[2:]))
        for n, k in np.ndindex(len(x), len(weight)):
            maps = zip(x[n], weight[k] * scale, strict=True)
            out[n, k] = bias[k] + sum(slide(image, kernel, "same") for image, kernel in maps)
        return out

    def layer(self, x: Array) -> Array:
        """What follows every convolution but toRGB."""
        return normed(np.where(x > 0, x, 0.2 * x))

    def __call__(
        self, z: Array, resolution: int, labels: list[int] | None = None, fade: float = 1
    ) -> Array:
        x = normed(z)
        if labels is not None:
            x = np.concatenate([x, np.eye(self.classes)[labels]], axis=1)
        x = self.layer(self.conv(self.layer(self.seed(x)), "blocks.4.conv"))
        images = self.conv(x, "to_rgb.4", gain=1)
        size = 4
        while size < resolution:
            size, old = 2 * size, images
            x = self.layer(self.conv(blown_up(x), f"blocks.{size}.up"))
            x = self.layer(self.conv(x, f"blocks.{size}.conv"))
            images = self.conv(x, f"to_rgb.{size}", gain=1)
        return images if fade == 1 else (1 - fade) * blown_up(old) + fade * images


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_equals_the_papers_table(resolution: int, channels: int) -> None:
    net, z = build(spec(channels=channels), resolution), latents(3)
    expected = Literal(net)(z.numpy(), resolution)
    assert expected.shape == (3, channels, resolution, resolution)
    np.testing.assert_allclose(net(z).detach(), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("fade", [0.01, 0.3, 0.5, 0.9])
def test_fade_mixes_the_old_image_enlarged_with_the_new(fade: float) -> None:
    net, z = build(spec(), 16), latents(3)
    expected = Literal(net)(z.numpy(), 16, fade=fade)
    out = net(z, fade=torch.tensor(fade)).detach()
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.usefixtures("in_double")
def test_labels_stand_one_hot_beside_the_normalised_latent() -> None:
    net, z, labels = build(spec(classes=3), 8), latents(4), [2, 0, 1, 2]
    expected = Literal(net)(z.numpy(), 8, labels)
    np.testing.assert_allclose(net(z, torch.tensor(labels)).detach(), expected, rtol=1e-9)


def test_joined_vector_is_exactly_latent_then_label() -> None:
    net, z = build(spec(classes=3), 4), latents(2)
    joined = net.join(z, torch.tensor([2, 0]))
    assert joined[:, 5:].tolist() == [[0, 0, 1], [1, 0, 0]]
    torch.testing.assert_close(joined[:, :5].square().mean(1), torch.ones(2))


def test_labels_are_given_exactly_if_there_are_classes() -> None:
    with pytest.raises(AssertionError):
        build(spec(classes=3), 4)(latents(2))
    with pytest.raises(AssertionError):
        build(spec(), 4)(latents(2), torch.tensor([0, 1]))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [8, 16])
def test_fade_0_is_the_old_image_enlarged_to_the_bit(resolution: int, channels: int) -> None:
    net, z = build(spec(channels=channels), resolution), latents(3)
    old = build(spec(channels=channels), resolution // 2)(z)
    new = net(z, fade=torch.tensor(0.0))
    assert new.equal(old.repeat_interleave(2, 2).repeat_interleave(2, 3))


@pytest.mark.parametrize("resolution", [8, 16])
def test_fade_1_is_the_new_image_to_the_bit(resolution: int) -> None:
    net, z = build(spec(), resolution), latents(3)
    assert net(z, fade=torch.tensor(1.0)).equal(net(z))


def test_older_to_rgb_layers_play_no_part_without_a_fade() -> None:
    net, z = build(spec(), 16), latents(3)
    before = net(z)
    for res in (4, 8):
        net.get_parameter(f"to_rgb.{res}.weight").data.fill_(7.0)
    assert net(z).equal(before)


def test_only_the_two_newest_to_rgb_layers_play_a_part_in_a_fade() -> None:
    net, z = build(spec(), 16), latents(3)
    net(z, fade=torch.tensor(0.5)).sum().backward()
    assert {n for n, p in net.named_parameters() if p.grad is None} == {
        "to_rgb.4.weight",
        "to_rgb.4.bias",
    }


def test_latents_length_does_not_count() -> None:
    net, z = build(spec(), 8), latents(3)
    torch.testing.assert_close(net(z), net(9 * z), rtol=1e-4, atol=1e-5)


def test_to_rgb_is_linear_and_not_normalised() -> None:
    net, z = build(spec(), 8), latents(3)
    before = net(z)
    for parameter in net.to_rgb["8"].parameters():
        parameter.data *= 100
    torch.testing.assert_close(net(z), 100 * before)
    assert net(z).abs().max() > 10  # no tanh


def test_images_do_not_depend_on_their_minibatch() -> None:
    net, z = build(spec(), 16), latents(6)
    torch.testing.assert_close(torch.cat([net(z[:2]), net(z[2:])]), net(z))


def test_activations_have_a_standard_deviation_near_1_at_initialisation() -> None:
    wide = spec(fmap_base=1024, fmap_max=64, latent_size=64)
    net = Generator(wide, 32)
    weights.load(net, weights.initial(wide, 32, 0), "generator")
    sizes: dict[str, float] = {}

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, out: Tensor) -> None:
            active = out if "to_rgb" in name else lrelu(out)
            sizes[name] = active.square().mean().sqrt().item()

        return hook

    for name, module in net.named_modules():
        if isinstance(module, Conv | Seed4x4):
            module.register_forward_hook(note(name))
    net(latents(32, 64))
    # the seed's fan-in counts 16 taps of which the 1x1 latent meets one: a quarter, as in the paper
    assert sizes.pop("blocks.4.seed") == pytest.approx(1.04**0.5 / 4, rel=0.1)
    assert len(sizes) == 8  # seven convolutions, one toRGB
    assert all(0.7 < size < 1.4 for size in sizes.values()), sizes


@pytest.mark.usefixtures("in_double")
def test_derivatives() -> None:
    small = spec(fmap_max=2, latent_size=2, channels=1)
    net = build(small, 8)
    z, fade = latents(2, 2).requires_grad_(), torch.tensor(0.4)
    names = [name for name, _ in net.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in net.parameters()]

    def images(z: Tensor, *values: Tensor) -> Tensor:
        named = dict(zip(names, values, strict=True))
        out: Tensor = torch.func.functional_call(net, named, (z, None, fade))
        return out

    assert torch.autograd.gradcheck(images, (z, *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(images, (z, *values), fast_mode=True)
