"""Every layer against a formula of its own, in float64 numpy; tables of the paper, to the number.

N images, C in and K out feature maps, H x W pixels.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import convolve2d, correlate2d
from torch import Tensor, nn

from pgpipe import rng
from pgpipe.nets import layers
from pgpipe.nets.config import ModelSection, feature_maps, resolutions
from pgpipe.nets.layers import Conv, Dense, DownConv, Equalised, Seed4x4, UpConv

Array = NDArray[np.float64]


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the code asks for float32 whatever the precision, keep float64."""
    monkeypatch.setattr(Tensor, "float", Tensor.double)


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def filled(layer: Equalised, seed: int = 1) -> tuple[Equalised, Array, Array]:
    """The layer in float64 with random weights and biases, and both."""
    weight, bias = noise(*layer.weight.shape, seed=seed), noise(*layer.bias.shape, seed=seed + 1)
    layer.double().load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    return layer, weight, bias


def outputs(layer: nn.Module, x: Array) -> Array:
    with torch.no_grad():
        result: Array = layer(torch.tensor(x)).numpy()
    return result


def literal_conv(x: Array, weight: Array, bias: Array) -> Array:
    """Zero-padded correlation, one pair of maps at a time."""
    out = np.empty((len(x), len(weight), *x.shape[2:]))
    for n, k in np.ndindex(len(x), len(weight)):
        maps = zip(x[n], weight[k], strict=True)
        out[n, k] = bias[k] + sum(correlate2d(image, kernel, "same") for image, kernel in maps)
    return out


def literal_loops(x: Array, weight: Array, bias: Array) -> Array:
    """The same sum without any library: seven loops."""
    (N, C, H, W), (K, _, size, _) = x.shape, weight.shape
    out = np.empty((N, K, H, W))
    for n, k, i, j in np.ndindex(N, K, H, W):
        total = bias[k]
        for c, a, b in np.ndindex(C, size, size):
            y, z = i + a - size // 2, j + b - size // 2
            if 0 <= y < H and 0 <= z < W:
                total += x[n, c, y, z] * weight[k, c, a, b]
        out[n, k, i, j] = total
    return out


def blown_up(x: Array) -> Array:
    """Nearest neighbour to twice the size."""
    return x.repeat(2, axis=2).repeat(2, axis=3)


def box(x: Array) -> Array:
    """2x2 means."""
    N, C, H, W = x.shape
    means: Array = x.reshape(N, C, H // 2, 2, W // 2, 2).mean(axis=(3, 5))
    return means


@pytest.mark.parametrize("literal", [literal_conv, literal_loops])
@pytest.mark.parametrize(("size", "gain"), [(3, math.sqrt(2)), (1, math.sqrt(2)), (1, 1.0)])
def test_conv(literal: Any, size: int, gain: float) -> None:
    layer, weight, bias = filled(Conv(3, 4, size, gain))
    x = noise(2, 3, 6, 5)
    expected = literal(x, weight * gain / math.sqrt(3 * size * size), bias)
    np.testing.assert_allclose(outputs(layer, x), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("side", [1, 2, 4, 7])
def test_fused_upsampling_is_upsampling_then_convolution(side: int) -> None:
    layer, weight, bias = filled(UpConv(3, 5, 3))
    x = noise(2, 3, side, side)
    turned = weight[..., ::-1, ::-1]  # a convolution proper, where Conv correlates: half a turn
    expected = literal_conv(blown_up(x), turned * math.sqrt(2 / 27), bias)
    np.testing.assert_allclose(outputs(layer, x), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("side", [2, 4, 8])
def test_fused_downsampling_is_convolution_then_averaging(side: int) -> None:
    layer, weight, bias = filled(DownConv(3, 5, 3))
    x = noise(2, 3, side, side)
    expected = box(literal_conv(x, weight * math.sqrt(2 / 27), bias))
    np.testing.assert_allclose(outputs(layer, x), expected, rtol=1e-10, atol=1e-12)


def test_fused_layers_have_the_gradient_of_the_unfused() -> None:
    x = torch.tensor(noise(2, 3, 8, 8))
    up, down = filled(UpConv(3, 4, 3))[0], filled(DownConv(3, 4, 3))[0]
    plain, turned = filled(Conv(3, 4, 3))[0], filled(Conv(3, 4, 3))[0]
    turned.weight.data = turned.weight.data.flip(2, 3)
    for fused, unfused, ours, theirs, turn in (
        (up, turned, up(x), turned(layers.upsample(x)), (2, 3)),
        (down, plain, down(x), layers.downsample(plain(x)), ()),
    ):
        direction = torch.tensor(noise(*ours.shape, seed=9))
        a = torch.autograd.grad((ours * direction).sum(), list(fused.parameters()))
        b = torch.autograd.grad((theirs * direction).sum(), list(unfused.parameters()))
        torch.testing.assert_close(a[0], b[0].flip(turn), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(a[1], b[1], rtol=1e-10, atol=1e-12)


def test_dense() -> None:
    layer, weight, bias = filled(Dense(7, 4))
    x = noise(5, 7)
    expected = x @ weight.T * math.sqrt(2 / 7) + bias
    np.testing.assert_allclose(outputs(layer, x), expected, rtol=1e-12)


def test_seed_is_a_4x4_convolution_of_the_zero_padded_latent() -> None:
    layer, weight, bias = filled(Seed4x4(3, 5))
    z = noise(2, 3)
    padded = np.pad(z[:, :, None, None], ((0, 0), (0, 0), (3, 3), (3, 3)))  # [N, C, 7, 7]
    scaled = weight * math.sqrt(2 / (16 * 3))
    expected = np.zeros((2, 5, 4, 4))
    for n, c, k in np.ndindex(2, 3, 5):
        expected[n, k] += convolve2d(padded[n, c], scaled[c, k], "valid")
    expected += bias[:, None, None]
    np.testing.assert_allclose(outputs(layer, z), expected, rtol=1e-10, atol=1e-12)


def test_seed_is_a_dense_layer_with_a_bias_for_each_map() -> None:
    layer, weight, bias = filled(Seed4x4(3, 5))
    z = noise(2, 3)
    dense = z @ weight.reshape(3, 80) * math.sqrt(2) / 4 / math.sqrt(3)  # TensorFlow's constant
    expected = dense.reshape(2, 5, 4, 4) + bias[:, None, None]
    np.testing.assert_allclose(outputs(layer, z), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "scale"),
    [
        (Conv(16, 8, 3), math.sqrt(2) / math.sqrt(16 * 9)),
        (UpConv(16, 8, 3), math.sqrt(2) / math.sqrt(16 * 9)),
        (DownConv(16, 8, 3), math.sqrt(2) / math.sqrt(16 * 9)),
        (Conv(3, 8, 1), math.sqrt(2) / math.sqrt(3)),
        (Conv(16, 3, 1, gain=1.0), 1 / math.sqrt(16)),
        (Dense(32, 8), math.sqrt(2) / math.sqrt(32)),
        (Dense(32, 1, gain=1.0), 1 / math.sqrt(32)),
        (Seed4x4(512, 8), math.sqrt(2) / 4 / math.sqrt(512)),
    ],
)
def test_scale_is_gain_by_root_of_fan_in(layer: Equalised, scale: float) -> None:
    assert layer.scale == pytest.approx(scale, rel=1e-15)
    layer.weight.data.fill_(1.0)
    assert layer.scaled().unique().tolist() == [pytest.approx(scale, rel=1e-7)]


def test_bias_is_not_scaled() -> None:
    layer, _, bias = filled(Conv(3, 4, 3))
    at_zero = outputs(layer, np.zeros((1, 3, 4, 4)))
    np.testing.assert_array_equal(at_zero, np.broadcast_to(bias[:, None, None], (1, 4, 4, 4)))


def test_gradient_carries_the_scale() -> None:
    layer, weight, _ = filled(Dense(7, 4))
    layer(torch.tensor(noise(5, 7))).square().sum().backward()
    plain = torch.tensor(weight * layer.scale, requires_grad=True)
    out = torch.tensor(noise(5, 7)) @ plain.T + layer.bias.detach()
    out.square().sum().backward()
    assert layer.weight.grad is not None
    assert plain.grad is not None
    np.testing.assert_allclose(layer.weight.grad, plain.grad * layer.scale, rtol=1e-10)


def test_lrelu_has_slope_a_fifth() -> None:
    x = torch.tensor([-10.0, -1.0, 0.0, 1.0, 10.0])
    assert layers.lrelu(x).tolist() == [-2.0, pytest.approx(-0.2), 0.0, 1.0, 10.0]


@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (3, 7)])
@pytest.mark.usefixtures("in_double")
def test_pixel_norm(shape: tuple[int, ...]) -> None:
    x = noise(*shape)
    expected = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(layers.pixel_norm(torch.tensor(x)), expected, rtol=1e-12)


@pytest.mark.usefixtures("in_double")
def test_pixel_norm_of_tiny_values_is_held_by_epsilon() -> None:
    x = np.full((1, 4, 1, 1), 1e-4)
    np.testing.assert_allclose(layers.pixel_norm(torch.tensor(x)), math.sqrt(0.5), rtol=1e-12)
    assert layers.pixel_norm(torch.zeros(1, 4, 1, 1)).eq(0).all()


def test_pixel_norm_keeps_no_pixel_apart_from_its_maps() -> None:
    x = torch.tensor(noise(1, 5, 4, 4)).float()
    scaled = x * torch.linspace(0.5, 9, 16).view(1, 1, 4, 4)
    torch.testing.assert_close(layers.pixel_norm(x), layers.pixel_norm(scaled))


def literal_stddev(x: Array, groups: int) -> Array:
    """The extra value of each sample: sample i belongs to group i mod `groups`."""
    values = np.empty(len(x))
    for i in range(len(x)):
        members = np.stack([x[j] for j in range(len(x)) if j % groups == i % groups])
        mean = sum(members) / len(members)
        variance = sum((m - mean) ** 2 for m in members) / len(members)  # biased
        values[i] = np.sqrt(variance + 1e-8).mean()
    return values


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
    out = layers.minibatch_stddev(torch.tensor(x), group).numpy()
    assert out.shape == (N, 4, 4, 4)
    np.testing.assert_array_equal(out[:, :3], x)
    expected = np.broadcast_to(literal_stddev(x, groups)[:, None, None], (N, 4, 4))
    np.testing.assert_allclose(out[:, 3], expected, rtol=1e-12)


def test_stddev_of_equal_samples_is_the_root_of_epsilon() -> None:
    x = torch.ones(4, 3, 4, 4)
    torch.testing.assert_close(layers.minibatch_stddev(x, 0)[:, 3], torch.full((4, 4, 4), 1e-4))


def test_gradient_of_stddev_is_finite_for_equal_samples() -> None:
    x = torch.ones(4, 3, 4, 4, requires_grad=True)
    layers.minibatch_stddev(x, 0).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_stddev_of_the_whole_minibatch_ignores_its_order() -> None:
    x = torch.tensor(noise(6, 3, 4, 4)).float()
    ours = layers.minibatch_stddev(x, 0)[:, 3]
    torch.testing.assert_close(layers.minibatch_stddev(x.flip(0), 0)[:, 3], ours)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_stddev_is_computed_in_float32_whatever_the_precision(precision: torch.dtype) -> None:
    for seed in range(40):
        x = torch.tensor(8 + noise(6, 1, 1, 1, seed=seed)).to(precision)
        out = layers.minibatch_stddev(x, 0)
        exact = torch.tensor(literal_stddev(x.double().numpy(), 1))
        assert out.dtype == precision
        assert out[:, 1, 0, 0].equal(exact.float().to(precision))  # rounded once, at the end


def test_upsample_repeats_and_downsample_averages() -> None:
    x = noise(2, 3, 4, 4)
    np.testing.assert_array_equal(layers.upsample(torch.tensor(x)), blown_up(x))
    np.testing.assert_allclose(layers.downsample(torch.tensor(x)), box(x), rtol=1e-12, atol=1e-15)


def test_downsample_undoes_upsample() -> None:
    x = torch.tensor(noise(2, 3, 4, 4)).float()
    assert layers.downsample(layers.upsample(x)).equal(x)


def test_activations_keep_their_size_through_depth_at_initialisation() -> None:
    x = rng.normal((4, 64, 16, 16), rng.key(0, "x", 0))
    for depth in range(12):
        conv = Conv(64, 64, 3)
        conv.weight.data = rng.normal((64, 64, 3, 3), rng.key(0, "w", depth))
        conv.bias.data.zero_()
        with torch.no_grad():
            x = layers.lrelu(conv(x))
        assert 0.6 < x.square().mean().sqrt() < 1.6  # expected: below 1.04 ** (depth / 2)


def test_weights_have_hes_standard_deviation_at_run_time() -> None:
    for layer in (Conv(64, 64, 3), Dense(256, 128), Seed4x4(64, 32)):
        layer.weight.data = rng.normal(tuple(layer.weight.shape), rng.key(0, "w", 0))
        assert layer.scaled().std().item() == pytest.approx(layer.scale, rel=0.02)


@pytest.mark.parametrize("layer", [Conv(2, 3, 3), UpConv(2, 3, 3), DownConv(2, 3, 3)])
def test_derivatives_of_convolutions(layer: Equalised) -> None:
    layer, _, _ = filled(layer)
    x = torch.tensor(noise(1, 2, 4, 4), requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))
    assert torch.autograd.gradgradcheck(lambda x: layer(x).square(), (x,))


@pytest.mark.usefixtures("in_double")
def test_derivatives_of_the_norms() -> None:
    x = torch.tensor(noise(4, 3, 2, 2), requires_grad=True)
    for function in (layers.pixel_norm, lambda x: layers.minibatch_stddev(x, 2)):
        assert torch.autograd.gradcheck(function, (x,))
        assert torch.autograd.gradgradcheck(function, (x,))


def model(fmap_base: int, fmap_max: int) -> ModelSection:
    return ModelSection(
        fmap_base=fmap_base, fmap_max=fmap_max, latent_size=1, fused_downsampling=False
    )


def test_feature_maps_of_the_full_network() -> None:
    maps = {res: feature_maps(model(8192, 512), res) for res in resolutions(1024)}
    assert maps == {
        4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32, 1024: 16
    }  # fmt: skip


def test_feature_maps_of_table_1() -> None:
    maps = [feature_maps(model(2048, 512), res) for res in (4, 8, 16, 32, 64, 128)]
    assert maps == [512, 512, 256, 128, 64, 32]


def test_feature_maps_are_never_none() -> None:
    assert feature_maps(model(8, 512), 1024) == 1


def test_resolutions_double_from_4() -> None:
    assert resolutions(4) == [4]
    assert resolutions(1024) == [4, 8, 16, 32, 64, 128, 256, 512, 1024]
