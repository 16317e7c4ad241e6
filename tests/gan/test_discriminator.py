"""The discriminator: the paper's table to the number, an independent numpy twin, growth."""

from typing import Any

import numpy as np
import pytest
import torch
from literal.layers import Array
from literal.networks import LiteralDiscriminator
from specs import network_spec
from tinynets import CIFAR, PAPER, TABLE_1, discriminator, layer_sizes, pictures
from torch import Tensor

from pgpipe.gan import weights
from pgpipe.gan.discriminator import Block, Discriminator
from pgpipe.gan.layers import downsample
from pgpipe.gan.systems import SYSTEMS

BOTH = pytest.mark.parametrize("fused", [False, True])


def on_meta(changes: dict[str, Any], resolution: int) -> dict[str, int]:
    return layer_sizes(network_spec(**changes), resolution, "discriminator")


@BOTH
def test_parameters_of_each_layer_at_1024(fused: bool) -> None:
    assert on_meta({**PAPER, "fused_downsampling": fused}, 1024) == {
        "from_rgb.1024": 64,
        "from_rgb.512": 128,
        "from_rgb.256": 256,
        "from_rgb.128": 512,
        "from_rgb.64": 1_024,
        "from_rgb.32": 2_048,
        "from_rgb.16": 2_048,
        "from_rgb.8": 2_048,
        "from_rgb.4": 2_048,
        "blocks.1024.conv": 2_320,
        "blocks.1024.down": 4_640,
        "blocks.512.conv": 9_248,
        "blocks.512.down": 18_496,
        "blocks.256.conv": 36_928,
        "blocks.256.down": 73_856,
        "blocks.128.conv": 147_584,
        "blocks.128.down": 295_168,
        "blocks.64.conv": 590_080,
        "blocks.64.down": 1_180_160,
        "blocks.32.conv": 2_359_808,
        "blocks.32.down": 2_359_808,
        "blocks.16.conv": 2_359_808,
        "blocks.16.down": 2_359_808,
        "blocks.8.conv": 2_359_808,
        "blocks.8.down": 2_359_808,
        "blocks.4.conv": 2_364_416,
        "blocks.4.dense": 4_194_816,
        "blocks.4.score": 513,
    }


def test_parameters_in_all_at_1024() -> None:
    layers = on_meta(PAPER, 1024)
    assert sum(layers.values()) == 23_087_249
    last = sum(n for name, n in layers.items() if "from_rgb" not in name) + layers["from_rgb.1024"]
    assert last == 23_077_137


def test_parameters_at_cifars_32_count_the_from_rgb_of_all_four_resolutions() -> None:
    layers = on_meta(CIFAR, 32)
    assert sum(layers.values()) == 1_298_689  # the paper's 1.299 M
    without = sum(n for name, n in layers.items() if "from_rgb" not in name)
    assert without + layers["from_rgb.32"] == 1_297_153  # would be 1.297 M


def test_parameters_of_table_1_at_128() -> None:
    layers = on_meta(TABLE_1, 128)
    assert sum(n for name, n in layers.items() if "from_rgb" not in name) == sum((
        32 * 32 * 9 + 32, 32 * 64 * 9 + 64,  # 128
        64 * 64 * 9 + 64, 64 * 128 * 9 + 128,  # 64
        128 * 128 * 9 + 128, 128 * 256 * 9 + 256,  # 32
        256 * 256 * 9 + 256, 256 * 512 * 9 + 512,  # 16
        512 * 512 * 9 + 512, 512 * 512 * 9 + 512,  # 8
        513 * 512 * 9 + 512, 512 * 512 * 16 + 512, 512 + 1,  # 4
    ))  # fmt: skip
    from_rgb = {name: n for name, n in layers.items() if "from_rgb" in name}
    assert list(from_rgb.values()) == [4 * maps for maps in (512, 512, 256, 128, 64, 32)]


def test_row_e_stars_kernels_take_5_directions_5_lengths_a_bias_and_a_weight_of_the_score() -> None:
    plain = on_meta({**TABLE_1, "minibatch_stddev": False}, 4)
    kernels = {"minibatch_stddev": False, "minibatch_discrimination": 100}
    grown = on_meta({**TABLE_1, **kernels}, 4)
    assert grown["blocks.4.discrimination"] == 512 * 100 * 5 + 100 * 5 + 100
    assert grown["blocks.4.score"] == plain["blocks.4.score"] + 100


@pytest.mark.parametrize("divisor", [2, 4])
def test_divisor_divides_the_maps_of_all_layers(divisor: int) -> None:
    crippled = on_meta({**PAPER, "discriminator_divisor": divisor}, 64)
    assert crippled == on_meta({"fmap_base": 8192 // divisor, "fmap_max": 512 // divisor}, 64)


@pytest.mark.parametrize(("stddev", "maps"), [(True, 513), (4, 513), (False, 512)])
def test_stddev_adds_one_map_before_the_last_convolution(stddev: bool | int, maps: int) -> None:
    layers = on_meta({**PAPER, "minibatch_stddev": stddev}, 4)
    assert layers["blocks.4.conv"] == 512 * maps * 9 + 512


def test_labels_widen_only_the_last_dense() -> None:
    plain, labelled = on_meta(CIFAR, 32), on_meta({**CIFAR, "classes": 10}, 32)
    grown = {name: labelled[name] - n for name, n in plain.items() if labelled[name] != n}
    assert grown == {"blocks.4.score": 10 * 129}


@pytest.mark.parametrize(("fmap_base", "fmap_max", "hidden"), [(64, 512, 64), (64, 16, 16)])
def test_hidden_layer_is_as_wide_as_the_maps_of_2x2(
    fmap_base: int, fmap_max: int, hidden: int
) -> None:
    layers = on_meta({"fmap_base": fmap_base, "fmap_max": fmap_max}, 4)
    assert layers["blocks.4.score"] == hidden + 1


def scores(net: Discriminator, images: Tensor, fade: Tensor | None = None) -> Array:
    with torch.no_grad():
        return np.asarray(net(images, fade)[0].numpy())


@BOTH
@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_equals_the_papers_table(resolution: int, channels: int, fused: bool) -> None:
    net, images = (
        discriminator(network_spec(fused_downsampling=fused, channels=channels), resolution),
        pictures(3, resolution, channels),
    )
    expected = LiteralDiscriminator(net, net.spec)(images.numpy())[:, 0]
    np.testing.assert_allclose(scores(net, images), expected, rtol=1e-9, atol=1e-11)


@BOTH
@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("fade", [0.01, 0.3, 0.5, 0.9])
def test_fade_mixes_the_old_features_of_the_halved_image_with_the_new(
    fade: float, fused: bool
) -> None:
    net, images = discriminator(network_spec(fused_downsampling=fused), 16), pictures(3, 16)
    expected = LiteralDiscriminator(net, net.spec)(images.numpy(), fade=fade)[:, 0]
    np.testing.assert_allclose(scores(net, images, torch.tensor(fade)), expected, rtol=1e-9)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(
    ("stddev", "groups"), [(True, 1), (2, 3), (3, 2), (6, 1), (8, 1), (False, 0)]
)
def test_minibatch_stddev_of_the_whole_minibatch_of_groups_or_none(
    stddev: bool | int, groups: int
) -> None:
    net, images = discriminator(network_spec(minibatch_stddev=stddev), 8), pictures(6, 8)
    expected = LiteralDiscriminator(net, net.spec)(images.numpy(), groups)[:, 0]
    np.testing.assert_allclose(scores(net, images), expected, rtol=1e-9)


@pytest.mark.usefixtures("in_double")
def test_logits_follow_the_score() -> None:
    net, images = discriminator(network_spec(classes=3), 8), pictures(4, 8)
    score, logits = (part.detach().numpy() for part in net(images))
    expected = LiteralDiscriminator(net, net.spec)(images.numpy())
    np.testing.assert_allclose(score, expected[:, 0], rtol=1e-9)
    np.testing.assert_allclose(logits, expected[:, 1:], rtol=1e-9)


LABELS = [2, 0, 1, 2]


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("stddev", [True, False])
def test_a_joint_score_sees_the_label_as_maps_beside_the_4x4_features(stddev: bool) -> None:
    spec = network_spec(classes=3, conditioning="joint", minibatch_stddev=stddev)
    net, images = discriminator(spec, 8), pictures(4, 8)
    score, logits = net(images, None, torch.tensor(LABELS))
    expected = LiteralDiscriminator(net, spec)(images.numpy(), int(stddev), labels=LABELS)
    np.testing.assert_allclose(score.detach(), expected[:, 0], rtol=1e-9)
    assert logits.shape == (4, 0)
    others = net(images, None, torch.tensor([0, 1, 2, 0]))[0]
    assert not (others == score).any()


@pytest.mark.usefixtures("in_double")
def test_a_projection_adds_the_inner_product_of_features_and_the_labels_vector() -> None:
    """Miyato and Koyama 2018, eq. 3: f(x, y) = psi(phi(x)) + v_y phi(x)."""
    spec = network_spec(classes=3, conditioning="projection")
    net, images = discriminator(spec, 8), pictures(4, 8)
    literal = LiteralDiscriminator(net, spec)
    phi = literal.features(images.numpy())
    matrix, bias = literal.weight("blocks.4.score", phi.shape[1], 1), literal.named
    psi, *v = matrix
    expected = [
        psi @ x + bias["blocks.4.score.bias"][0] + v[y] @ x + bias["blocks.4.score.bias"][1 + y]
        for x, y in zip(phi, LABELS, strict=True)
    ]
    score, _ = net(images, None, torch.tensor(LABELS))
    np.testing.assert_allclose(score.detach(), expected, rtol=1e-9)


def test_without_labels_there_are_no_logits() -> None:
    score, logits = discriminator(network_spec(), 4)(pictures(5, 4))
    assert score.shape == (5,)
    assert logits.shape == (5, 0)


def test_pooling_comes_after_the_activation_unless_fused() -> None:
    # one map that a convolution passes on as it is: 1 and -1 average to 0 before the activation,
    # and to (1 - 0.2) / 2 after it
    checks = torch.ones(1, 1, 8, 8)
    checks[..., ::2] = -1
    means = []
    for fused in (False, True):
        block = Block(network_spec(fused_downsampling=fused, fmap_max=1), 8)
        for layer in (block.conv, block.down):
            layer.weight.data = torch.zeros(1, 1, 3, 3)
            layer.weight.data[..., 1, 1] = 1 / layer.scale
            layer.bias.data = torch.zeros(1)
        block.conv.bias.data.fill_(2.0)  # keeps the first activation out of it
        block.down.bias.data.fill_(-2.0)
        means.append(block(checks).detach())
    torch.testing.assert_close(means[0], torch.full((1, 1, 4, 4), 0.4))
    torch.testing.assert_close(means[1], torch.zeros(1, 1, 4, 4))


@BOTH
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [8, 16])
def test_fade_0_scores_the_halved_image_as_before_to_the_bit(
    resolution: int, channels: int, fused: bool
) -> None:
    sizes = network_spec(fused_downsampling=fused, channels=channels)
    net, images = discriminator(sizes, resolution), pictures(3, resolution, channels)
    old = scores(discriminator(sizes, resolution // 2), downsample(images))
    np.testing.assert_array_equal(scores(net, images, torch.tensor(0.0)), old)


@BOTH
@pytest.mark.parametrize("resolution", [8, 16])
def test_fade_1_scores_as_the_grown_network_to_the_bit(resolution: int, fused: bool) -> None:
    net, images = (
        discriminator(network_spec(fused_downsampling=fused), resolution),
        pictures(3, resolution),
    )
    np.testing.assert_array_equal(scores(net, images, torch.tensor(1.0)), scores(net, images))


def test_only_the_two_newest_from_rgb_layers_play_a_part_in_a_fade() -> None:
    net = discriminator(network_spec(), 16)
    net(pictures(3, 16), torch.tensor(0.5))[0].sum().backward()
    unused = {name for name, p in net.named_parameters() if p.grad is None}
    assert unused == {"from_rgb.4.weight", "from_rgb.4.bias"}


def test_without_stddev_a_score_does_not_depend_on_the_minibatch() -> None:
    net, images = discriminator(network_spec(minibatch_stddev=False), 8), pictures(6, 8)
    parts = np.concatenate([scores(net, images[:1]), scores(net, images[1:])])
    np.testing.assert_allclose(parts, scores(net, images), rtol=1e-5, atol=1e-6)


def test_stddev_tells_a_minibatch_of_equal_images_from_one_of_different_images() -> None:
    net, images = discriminator(network_spec(), 8), pictures(6, 8)
    alone = scores(net, images[:1].expand(6, 3, 8, 8))
    assert abs(alone[0] - scores(net, images)[0]) > 1e-3


def test_scores_are_float32_under_autocast() -> None:
    net = discriminator(network_spec(classes=2), 8)
    with torch.autocast("cpu", torch.bfloat16):
        score, logits = net(pictures(3, 8))
    assert score.dtype == logits.dtype == torch.float32


@pytest.mark.parametrize(
    "system", [n for n, row in SYSTEMS.items() if "discriminator" in row.networks]
)
def test_every_system_s_scores_are_float32_under_autocast(system: str) -> None:
    resolution = SYSTEMS[system].final or 16
    spec = network_spec(name=system, minibatch_stddev=False, **SYSTEMS[system].decided)
    net = weights.network(spec, "discriminator", resolution)
    with torch.autocast("cpu", torch.bfloat16):
        score, _ = net(pictures(4, resolution))
    assert score.dtype == torch.float32


def test_scores_have_a_standard_deviation_of_order_1_at_initialisation() -> None:
    wide = network_spec(fmap_base=1024, fmap_max=64)
    spread = []
    for seed in range(10):
        net = Discriminator(wide, 16)
        weights.load(net, weights.initial(wide, 16, seed), "discriminator")
        spread.append(np.square(scores(net, pictures(16, 16))).mean())
    assert 0.1 < np.sqrt(np.mean(spread)) < 2


@BOTH
@pytest.mark.usefixtures("in_double")
def test_derivatives(fused: bool) -> None:
    small = network_spec(fused_downsampling=fused, fmap_max=2, channels=1, classes=1)
    net, images, fade = (
        discriminator(small, 8),
        pictures(2, 8, 1).requires_grad_(),
        torch.tensor(0.4),
    )
    names = [name for name, _ in net.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in net.parameters()]

    def outputs(images: Tensor, *values: Tensor) -> tuple[Tensor, Tensor]:
        named = dict(zip(names, values, strict=True))
        score, logits = torch.func.functional_call(net, named, (images, fade))
        return score, logits

    assert torch.autograd.gradcheck(outputs, (images, *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(outputs, (images, *values), fast_mode=True)


def test_growing_keeps_the_names() -> None:
    old = {n for n, _ in Discriminator(network_spec(), 8).named_parameters()}
    new = {n for n, _ in Discriminator(network_spec(), 16).named_parameters()}
    assert old < new
    assert all(".16." in name for name in new - old)
