"""The discriminator: the paper's table to the number, an independent numpy twin, growth."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import correlate2d
from torch import Tensor

from pgpipe import rng
from pgpipe.nets import weights
from pgpipe.nets.config import NetworkSpec
from pgpipe.nets.discriminator import Block, Discriminator
from pgpipe.nets.layers import downsample

Array = NDArray[np.float64]
BOTH = pytest.mark.parametrize("fused", [False, True])


def spec(fused: bool = False, **changes: Any) -> NetworkSpec:
    tiny = {"fmap_base": 32, "fmap_max": 6, "latent_size": 5, "fused_downsampling": fused}
    rest = {"channels": 3, "classes": 0, "minibatch_stddev": True}
    return NetworkSpec(**{**tiny, **rest, **changes})


PAPER = {"fmap_base": 8192, "fmap_max": 512, "latent_size": 512}
CIFAR = {"fmap_base": 4096, "fmap_max": 128, "latent_size": 128}


def build(spec: NetworkSpec, resolution: int, seed: int = 0) -> Discriminator:
    """A discriminator whose biases are random as well."""
    net = Discriminator(spec, resolution)
    weights.load(net, weights.initial(spec, resolution, seed), "discriminator")
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            parameter.data = 0.3 * rng.normal(tuple(parameter.shape), rng.key(seed, name, 1))
    return net


def pictures(count: int, resolution: int, channels: int = 3) -> Tensor:
    return rng.normal((count, channels, resolution, resolution), rng.key(0, "images", 0))


def on_meta(changes: dict[str, Any], resolution: int) -> dict[str, int]:
    """Weights and biases by layer."""
    found: dict[str, int] = {}
    with torch.device("meta"):
        net = Discriminator(spec(**changes), resolution)
    for name, parameter in net.named_parameters():
        layer = name.rpartition(".")[0]
        found[layer] = found.get(layer, 0) + parameter.numel()
    return found


@BOTH
def test_parameters_of_each_layer_at_1024(fused: bool) -> None:
    assert on_meta({**PAPER, "fused": fused}, 1024) == {
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


def active(x: Array) -> Array:
    return np.where(x > 0, x, 0.2 * x)


def box(x: Array) -> Array:
    N, C, H, W = x.shape
    return np.asarray(x.reshape(N, C, H // 2, 2, W // 2, 2).mean(axis=(3, 5)))


def with_stddev(x: Array, groups: int) -> Array:
    """Append the extra map: sample i belongs to group i mod `groups`."""
    extra = np.empty((len(x), 1, *x.shape[2:]))
    for i in range(len(x)):
        members = x[i % groups :: groups]
        extra[i] = np.sqrt(((members - members.mean(axis=0)) ** 2).mean(axis=0) + 1e-8).mean()
    return np.concatenate([x, extra], axis=1)


class Literal:
    """The discriminator as the paper's table has it, in numpy, from the same named weights."""

    def __init__(self, net: Discriminator, fused: bool) -> None:
        self.named = {name: p.detach().double().numpy() for name, p in net.named_parameters()}
        self.fused = fused

    def conv(self, x: Array, name: str) -> Array:
        weight, bias = self.named[f"{name}.weight"], self.named[f"{name}.bias"]
        scale = np.sqrt(2 / weight[0].size)
        out = np.empty((len(x), len(weight), *x.shape[2:]))
        for n, k in np.ndindex(len(x), len(weight)):
            maps = zip(x[n], weight[k] * scale, strict=True)
            out[n, k] = bias[k] + sum(correlate2d(image, kernel, "same") for image, kernel in maps)
        return out

    def dense(self, x: Array, name: str, gain: float) -> Array:
        weight, bias = self.named[f"{name}.weight"], self.named[f"{name}.bias"]
        return np.asarray(x @ weight.T * gain / np.sqrt(weight.shape[1]) + bias)

    def from_rgb(self, images: Array) -> Array:
        return active(self.conv(images, f"from_rgb.{images.shape[2]}"))

    def block(self, x: Array) -> Array:
        size = x.shape[2]
        x = active(self.conv(x, f"blocks.{size}.conv"))
        x = self.conv(x, f"blocks.{size}.down")
        return active(box(x)) if self.fused else box(active(x))

    def __call__(self, images: Array, groups: int = 1, fade: float = 1) -> Array:
        """Scores and logits [N, 1 + classes]; `groups` 0: no minibatch stddev."""
        x = self.from_rgb(images)
        if images.shape[2] > 4:
            x = self.block(x)
        if fade < 1:
            x = (1 - fade) * self.from_rgb(box(images)) + fade * x
        while x.shape[2] > 4:
            x = self.block(x)
        x = with_stddev(x, groups) if groups else x
        x = active(self.conv(x, "blocks.4.conv"))
        x = active(self.dense(x.reshape(len(x), -1), "blocks.4.dense", gain=np.sqrt(2)))
        return self.dense(x, "blocks.4.score", gain=1)


def scores(net: Discriminator, images: Tensor, fade: Tensor | None = None) -> Array:
    with torch.no_grad():
        return np.asarray(net(images, fade)[0].numpy())


@BOTH
@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_equals_the_papers_table(resolution: int, channels: int, fused: bool) -> None:
    net, images = (
        build(spec(fused, channels=channels), resolution),
        pictures(3, resolution, channels),
    )
    expected = Literal(net, fused)(images.numpy())[:, 0]
    np.testing.assert_allclose(scores(net, images), expected, rtol=1e-9, atol=1e-11)


@BOTH
@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("fade", [0.01, 0.3, 0.5, 0.9])
def test_fade_mixes_the_old_features_of_the_halved_image_with_the_new(
    fade: float, fused: bool
) -> None:
    net, images = build(spec(fused), 16), pictures(3, 16)
    expected = Literal(net, fused)(images.numpy(), fade=fade)[:, 0]
    np.testing.assert_allclose(scores(net, images, torch.tensor(fade)), expected, rtol=1e-9)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(
    ("stddev", "groups"), [(True, 1), (2, 3), (3, 2), (6, 1), (8, 1), (False, 0)]
)
def test_minibatch_stddev_of_the_whole_minibatch_of_groups_or_none(
    stddev: bool | int, groups: int
) -> None:
    net, images = build(spec(minibatch_stddev=stddev), 8), pictures(6, 8)
    expected = Literal(net, fused=False)(images.numpy(), groups)[:, 0]
    np.testing.assert_allclose(scores(net, images), expected, rtol=1e-9)


@pytest.mark.usefixtures("in_double")
def test_logits_follow_the_score() -> None:
    net, images = build(spec(classes=3), 8), pictures(4, 8)
    score, logits = (part.detach().numpy() for part in net(images))
    expected = Literal(net, fused=False)(images.numpy())
    np.testing.assert_allclose(score, expected[:, 0], rtol=1e-9)
    np.testing.assert_allclose(logits, expected[:, 1:], rtol=1e-9)


def test_without_labels_there_are_no_logits() -> None:
    score, logits = build(spec(), 4)(pictures(5, 4))
    assert score.shape == (5,)
    assert logits.shape == (5, 0)


def test_pooling_comes_after_the_activation_unless_fused() -> None:
    # one map that a convolution passes on as it is: 1 and -1 average to 0 before the activation,
    # and to (1 - 0.2) / 2 after it
    checks = torch.ones(1, 1, 8, 8)
    checks[..., ::2] = -1
    means = []
    for fused in (False, True):
        block = Block(spec(fused, fmap_max=1), 8)
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
    sizes = spec(fused, channels=channels)
    net, images = build(sizes, resolution), pictures(3, resolution, channels)
    old = scores(build(sizes, resolution // 2), downsample(images))
    np.testing.assert_array_equal(scores(net, images, torch.tensor(0.0)), old)


@BOTH
@pytest.mark.parametrize("resolution", [8, 16])
def test_fade_1_scores_as_the_grown_network_to_the_bit(resolution: int, fused: bool) -> None:
    net, images = build(spec(fused), resolution), pictures(3, resolution)
    np.testing.assert_array_equal(scores(net, images, torch.tensor(1.0)), scores(net, images))


def test_only_the_two_newest_from_rgb_layers_play_a_part_in_a_fade() -> None:
    net = build(spec(), 16)
    net(pictures(3, 16), torch.tensor(0.5))[0].sum().backward()
    unused = {name for name, p in net.named_parameters() if p.grad is None}
    assert unused == {"from_rgb.4.weight", "from_rgb.4.bias"}


def test_without_stddev_a_score_does_not_depend_on_the_minibatch() -> None:
    net, images = build(spec(minibatch_stddev=False), 8), pictures(6, 8)
    parts = np.concatenate([scores(net, images[:1]), scores(net, images[1:])])
    np.testing.assert_allclose(parts, scores(net, images), rtol=1e-5, atol=1e-6)


def test_stddev_tells_a_minibatch_of_equal_images_from_one_of_different_images() -> None:
    net, images = build(spec(), 8), pictures(6, 8)
    alone = scores(net, images[:1].expand(6, 3, 8, 8))
    assert abs(alone[0] - scores(net, images)[0]) > 1e-3


def test_scores_are_float32_under_autocast() -> None:
    net = build(spec(classes=2), 8)
    with torch.autocast("cpu", torch.bfloat16):
        score, logits = net(pictures(3, 8))
    assert score.dtype == logits.dtype == torch.float32


def test_scores_have_a_standard_deviation_of_order_1_at_initialisation() -> None:
    wide = spec(fmap_base=1024, fmap_max=64)
    spread = []
    for seed in range(10):
        net = Discriminator(wide, 16)
        weights.load(net, weights.initial(wide, 16, seed), "discriminator")
        spread.append(np.square(scores(net, pictures(16, 16))).mean())
    assert 0.1 < np.sqrt(np.mean(spread)) < 2


@BOTH
@pytest.mark.usefixtures("in_double")
def test_derivatives(fused: bool) -> None:
    small = spec(fused, fmap_max=2, channels=1, classes=1)
    net, images, fade = build(small, 8), pictures(2, 8, 1).requires_grad_(), torch.tensor(0.4)
    names = [name for name, _ in net.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in net.parameters()]

    def outputs(images: Tensor, *values: Tensor) -> tuple[Tensor, Tensor]:
        named = dict(zip(names, values, strict=True))
        score, logits = torch.func.functional_call(net, named, (images, fade))
        return score, logits

    assert torch.autograd.gradcheck(outputs, (images, *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(outputs, (images, *values), fast_mode=True)


def test_growing_keeps_the_names() -> None:
    old = {n for n, _ in Discriminator(spec(), 8).named_parameters()}
    new = {n for n, _ in Discriminator(spec(), 16).named_parameters()}
    assert old < new
    assert all(".16." in name for name in new - old)
