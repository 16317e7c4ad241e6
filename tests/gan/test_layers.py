"""Every layer against a formula of its own, in float64 numpy; tables of the paper, to the number.

N images, C in and K out feature maps, H x W pixels.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
from literal.layers import Array, blown_up, box, by_map, conv
from scipy.signal import convolve2d
from specs import model_section
from torch import Tensor, nn

from pgpipe import rng
from pgpipe.gan import layers
from pgpipe.gan.layers import Conv, Dense, DownConv, Layer, LayerOptions, Seed4x4, UpConv
from pgpipe.gan.widths import feature_maps, resolutions

PLAIN = LayerOptions(equalised=False)


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def filled(layer: Layer, seed: int = 1) -> tuple[Layer, Array, Array]:
    """The layer in float64 with random weights and biases, and both."""
    weight, bias = noise(*layer.weight.shape, seed=seed), noise(*layer.bias.shape, seed=seed + 1)
    layer.double().load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    return layer, weight, bias


def outputs(layer: nn.Module, x: Array) -> Array:
    with torch.no_grad():
        result: Array = layer(torch.tensor(x)).numpy()
    return result


def literal_conv(x: Array, weight: Array, bias: Array) -> Array:
    return np.asarray(conv(x, weight) + by_map(bias, x))


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
    # A convolution proper, where Conv correlates: half a turn.
    turned = weight.swapaxes(0, 1)[..., ::-1, ::-1]
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
    turned.weight.data = transposed(up.weight.data)
    for fused, unfused, ours, theirs, as_ours in (
        (up, turned, up(x), turned(layers.upsample(x)), transposed),
        (down, plain, down(x), layers.downsample(plain(x)), lambda weight: weight),
    ):
        direction = torch.tensor(noise(*ours.shape, seed=9))
        a = torch.autograd.grad((ours * direction).sum(), list(fused.parameters()))
        b = torch.autograd.grad((theirs * direction).sum(), list(unfused.parameters()))
        torch.testing.assert_close(a[0], as_ours(b[0]), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(a[1], b[1], rtol=1e-10, atol=1e-12)


def transposed(weight: Tensor) -> Tensor:
    """The weight of a convolution as that of the transposed one, and back."""
    return weight.transpose(0, 1).flip(2, 3)


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
def test_scale_is_gain_by_root_of_fan_in(layer: Layer, scale: float) -> None:
    assert layer.scale == pytest.approx(scale, rel=1e-15)
    layer.weight.data.fill_(1.0)
    assert layer.scaled().unique().tolist() == [pytest.approx(scale, rel=1e-7)]


@pytest.mark.parametrize(
    ("equalised", "plain"),
    [
        (Conv(3, 4, 3), Conv(3, 4, 3, options=PLAIN)),
        (Conv(3, 4, 1, gain=1.0), Conv(3, 4, 1, gain=1.0, options=PLAIN)),
        (UpConv(3, 4, 3), UpConv(3, 4, 3, options=PLAIN)),
        (DownConv(3, 4, 3), DownConv(3, 4, 3, options=PLAIN)),
    ],
)
def test_equalised_layer_is_a_plain_one_with_scaled_weights(equalised: Layer, plain: Layer) -> None:
    equalised, weight, bias = filled(equalised)
    scaled = {"weight": torch.tensor(weight * equalised.scale), "bias": torch.tensor(bias)}
    plain.double().load_state_dict(scaled)
    x = noise(2, 3, 4, 4)
    np.testing.assert_allclose(outputs(equalised, x), outputs(plain, x), rtol=1e-12, atol=1e-14)


def test_plain_layers_use_their_weights_as_they_are() -> None:
    layer, weight, bias = filled(Conv(3, 4, 3, options=PLAIN))
    x = noise(2, 3, 6, 5)
    np.testing.assert_allclose(outputs(layer, x), literal_conv(x, weight, bias), rtol=1e-10)
    dense, weight, bias = filled(Dense(7, 4, options=PLAIN))
    x = noise(5, 7)
    np.testing.assert_allclose(outputs(dense, x), x @ weight.T + bias, rtol=1e-12)
    seed, weight, bias = filled(Seed4x4(3, 5, options=PLAIN))
    expected = np.einsum("nc,ckij->nkij", noise(2, 3), weight) + bias[:, None, None]
    np.testing.assert_allclose(outputs(seed, noise(2, 3)), expected, rtol=1e-12)


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
def test_derivatives_of_convolutions(layer: Layer) -> None:
    layer, _, _ = filled(layer)
    x = torch.tensor(noise(1, 2, 4, 4), requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))
    assert torch.autograd.gradgradcheck(lambda x: layer(x).square(), (x,))


def test_feature_maps_of_the_full_network() -> None:
    maps = {
        res: feature_maps(model_section(fmap_base=8192, fmap_max=512), res)
        for res in resolutions(1024)
    }
    assert maps == {
        4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32, 1024: 16
    }  # fmt: skip


def test_feature_maps_of_table_1() -> None:
    maps = [
        feature_maps(model_section(fmap_base=2048, fmap_max=512), res)
        for res in (4, 8, 16, 32, 64, 128)
    ]
    assert maps == [512, 512, 256, 128, 64, 32]


def test_feature_maps_are_never_none() -> None:
    assert feature_maps(model_section(fmap_base=8, fmap_max=512), 1024) == 1


def test_resolutions_double_from_4() -> None:
    assert resolutions(4) == [4]
    assert resolutions(1024) == [4, 8, 16, 32, 64, 128, 256, 512, 1024]
