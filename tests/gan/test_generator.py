"""The generator: the paper's table to the number, an independent numpy twin, growth."""

from typing import Any

import numpy as np
import pytest
import torch
from literal.networks import LiteralGenerator
from specs import network_spec
from tinynets import CIFAR, PAPER, TABLE_1, generator, latents, layer_sizes
from torch import Tensor, nn

from pgpipe.gan import weights
from pgpipe.gan.generator import Generator
from pgpipe.gan.layers import Layer, lrelu


def on_meta(changes: dict[str, int], resolution: int) -> dict[str, int]:
    return layer_sizes(network_spec(**changes), resolution, "generator")


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


def test_parameters_of_table_1_at_128() -> None:
    layers = on_meta(TABLE_1, 128)
    assert sum(n for name, n in layers.items() if "to_rgb" not in name) == sum((
        512 * 512 * 16 + 512, 512 * 512 * 9 + 512,  # 4
        512 * 512 * 9 + 512, 512 * 512 * 9 + 512,  # 8
        512 * 256 * 9 + 256, 256 * 256 * 9 + 256,  # 16
        256 * 128 * 9 + 128, 128 * 128 * 9 + 128,  # 32
        128 * 64 * 9 + 64, 64 * 64 * 9 + 64,  # 64
        64 * 32 * 9 + 32, 32 * 32 * 9 + 32,  # 128
    ))  # fmt: skip
    to_rgb = {name: n for name, n in layers.items() if "to_rgb" in name}
    assert list(to_rgb.values()) == [3 * maps + 3 for maps in (512, 512, 256, 128, 64, 32)]


def test_labels_widen_only_the_seed() -> None:
    plain, labelled = on_meta(CIFAR, 32), on_meta({**CIFAR, "classes": 10}, 32)
    differing = {
        name: labelled[name] - plain[name] for name in plain if labelled[name] != plain[name]
    }
    assert differing == {"blocks.4.seed": 10 * 128 * 16}


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_equals_the_papers_table(resolution: int, channels: int) -> None:
    net, z = generator(network_spec(channels=channels), resolution), latents(3)
    expected = LiteralGenerator(net, net.spec)(z.numpy(), resolution)
    assert expected.shape == (3, channels, resolution, resolution)
    np.testing.assert_allclose(net(z).detach(), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("first", ["pixel-bias", "no-norm"])
def test_the_first_layer_of_other_codes(first: str) -> None:
    net, z = generator(network_spec(first_layer=first), 8), latents(3)
    expected = LiteralGenerator(net, net.spec)(z.numpy(), 8)
    np.testing.assert_allclose(net(z).detach(), expected, rtol=1e-9, atol=1e-11)
    plain = generator(network_spec(), 8)
    sizes = [sum(p.numel() for p in made.parameters()) for made in (net, plain)]
    assert sizes[0] - sizes[1] == (15 * 6 if first == "pixel-bias" else 0)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("fade", [0.01, 0.3, 0.5, 0.9])
def test_fade_mixes_the_old_image_enlarged_with_the_new(fade: float) -> None:
    net, z = generator(network_spec(), 16), latents(3)
    expected = LiteralGenerator(net, net.spec)(z.numpy(), 16, fade=fade)
    out = net(z, fade=torch.tensor(fade)).detach()
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.usefixtures("in_double")
def test_labels_stand_one_hot_beside_the_normalised_latent() -> None:
    net, z, labels = generator(network_spec(classes=3), 8), latents(4), [2, 0, 1, 2]
    expected = LiteralGenerator(net, net.spec)(z.numpy(), 8, labels)
    np.testing.assert_allclose(net(z, torch.tensor(labels)).detach(), expected, rtol=1e-9)


def test_joined_vector_is_exactly_latent_then_label() -> None:
    net, z = generator(network_spec(classes=3), 4), latents(2)
    joined = net.join(z, torch.tensor([2, 0]))
    assert joined[:, 5:].tolist() == [[0, 0, 1], [1, 0, 0]]
    torch.testing.assert_close(joined[:, :5].square().mean(1), torch.ones(2))


def test_labels_are_given_exactly_if_there_are_classes() -> None:
    with pytest.raises(AssertionError):
        generator(network_spec(classes=3), 4)(latents(2))
    with pytest.raises(AssertionError):
        generator(network_spec(), 4)(latents(2), torch.tensor([0, 1]))


NORMS = pytest.mark.parametrize("norm", ["pixel", "batch", "none"])


@NORMS
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [8, 16])
def test_fade_0_is_the_old_image_enlarged_to_the_bit(
    resolution: int, channels: int, norm: str
) -> None:
    spec = network_spec(channels=channels, generator_norm=norm)
    net, z = generator(spec, resolution), latents(3)
    old = generator(spec, resolution // 2)(z)
    new = net(z, fade=torch.tensor(0.0))
    assert new.equal(old.repeat_interleave(2, 2).repeat_interleave(2, 3))


@NORMS
@pytest.mark.parametrize("resolution", [8, 16])
def test_fade_1_is_the_new_image_to_the_bit(resolution: int, norm: str) -> None:
    net, z = generator(network_spec(generator_norm=norm), resolution), latents(3)
    assert net(z, fade=torch.tensor(1.0)).equal(net(z))


def test_tanh_comes_once_after_the_fade() -> None:
    z, fade = latents(3), torch.tensor(0.3)
    linear, bent = (generator(network_spec(tanh=tanh), 8) for tanh in (False, True))
    assert bent(z, fade=fade).equal(linear(z, fade=fade).tanh())
    assert bent(z).equal(linear(z).tanh())


def test_older_to_rgb_layers_play_no_part_without_a_fade() -> None:
    net, z = generator(network_spec(), 16), latents(3)
    before = net(z)
    for res in (4, 8):
        net.get_parameter(f"to_rgb.{res}.weight").data.fill_(7.0)
    assert net(z).equal(before)


def test_only_the_two_newest_to_rgb_layers_play_a_part_in_a_fade() -> None:
    net, z = generator(network_spec(), 16), latents(3)
    net(z, fade=torch.tensor(0.5)).sum().backward()
    assert {n for n, p in net.named_parameters() if p.grad is None} == {
        "to_rgb.4.weight",
        "to_rgb.4.bias",
    }


def test_latents_length_does_not_count() -> None:
    net, z = generator(network_spec(), 8), latents(3)
    torch.testing.assert_close(net(z), net(9 * z), rtol=1e-4, atol=1e-5)


def test_to_rgb_is_linear_and_not_normalised() -> None:
    net, z = generator(network_spec(), 8), latents(3)
    before = net(z)
    for parameter in net.to_rgb["8"].parameters():
        parameter.data *= 100
    torch.testing.assert_close(net(z), 100 * before)
    assert net(z).abs().max() > 10  # no tanh


def test_images_do_not_depend_on_their_minibatch() -> None:
    net, z = generator(network_spec(), 16), latents(6)
    torch.testing.assert_close(torch.cat([net(z[:2]), net(z[2:])]), net(z))


def test_activations_have_a_standard_deviation_near_1_at_initialisation() -> None:
    wide, seeds = network_spec(fmap_base=1024, fmap_max=64, latent_size=64), range(8)
    net = Generator(wide, 32)
    squares: dict[str, float] = dict.fromkeys(layer_names(net), 0.0)

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, out: Tensor) -> None:
            active = out if "to_rgb" in name else lrelu(out)
            squares[name] += active.square().mean().item() / len(seeds)

        return hook

    for name in squares:
        net.get_submodule(name).register_forward_hook(note(name))
    for seed in seeds:  # toRGB has three maps, whose sizes differ by half from draw to draw
        weights.load(net, weights.initial(wide, 32, seed), "generator")
        net(latents(32, 64))
    assert squares.pop("to_rgb.4") == squares.pop("to_rgb.8") == squares.pop("to_rgb.16") == 0
    # the seed's fan-in counts 16 taps of which the 1x1 latent meets one: a quarter, as in the paper
    assert squares.pop("blocks.4.seed") == pytest.approx(1.04 / 16, rel=0.1)
    assert len(squares) == 8  # seven convolutions, one toRGB
    assert all(0.8 < size**0.5 < 1.2 for size in squares.values()), squares


def layer_names(net: nn.Module) -> list[str]:
    return [name for name, module in net.named_modules() if isinstance(module, Layer)]


@pytest.mark.usefixtures("in_double")
def test_derivatives() -> None:
    small = network_spec(fmap_max=2, latent_size=2, channels=1)
    net = generator(small, 8)
    z, fade = latents(2, 2).requires_grad_(), torch.tensor(0.4)
    names = [name for name, _ in net.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in net.parameters()]

    def images(z: Tensor, *values: Tensor) -> Tensor:
        named = dict(zip(names, values, strict=True))
        out: Tensor = torch.func.functional_call(net, named, (z, None, fade))
        return out

    assert torch.autograd.gradcheck(images, (z, *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(images, (z, *values), fast_mode=True)
