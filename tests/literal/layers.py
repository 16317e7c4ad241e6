"""The layers of both networks as loops and sums in float64 numpy.

N images, C in and K out feature maps, H x W pixels. Sources: Karras et al. 2018, sections 3, 4 and
appendix A; Ioffe and Szegedy 2015; Ba et al. 2016; Salimans et al. 2016, section 3.2.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import convolve2d, correlate2d

Array = NDArray[np.float64]


def conv(x: Array, weight: Array, turned: bool = False) -> Array:
    """Zero-padded correlation (by the kernel turned by half a turn: convolution), no bias."""
    slide = convolve2d if turned else correlate2d
    out = np.empty((len(x), len(weight), *x.shape[2:]))
    for n, k in np.ndindex(len(x), len(weight)):
        out[n, k] = sum(slide(a, b, "same") for a, b in zip(x[n], weight[k], strict=True))
    return out


def by_map(values: Array, x: Array) -> Array:
    """One number a feature map, [C] -> [C, 1, ...], for arrays like `x`."""
    return values.reshape(-1, *[1] * (x.ndim - 2))


def blown_up(x: Array, k: int = 2) -> Array:
    """Nearest neighbour to k times the size."""
    return x.repeat(k, axis=2).repeat(k, axis=3)


def box(x: Array) -> Array:
    """2x2 means."""
    N, C, H, W = x.shape
    return np.asarray(x.reshape(N, C, H // 2, 2, W // 2, 2).mean(axis=(3, 5)))


def lrelu(x: Array, slope: float = 0.2) -> Array:
    return np.where(x > 0, x, slope * x)


def pixel_norm(x: Array) -> Array:
    return np.asarray(x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-8))


def response_norm(x: Array) -> Array:
    """Krizhevsky et al. 2012: k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    out = np.empty_like(x)
    for i in range(x.shape[1]):
        near = x[:, max(0, i - 2) : i + 3]
        out[:, i] = x[:, i] / (2 + 1e-4 * (near**2).sum(axis=1)) ** 0.75
    return out


def batch_norm(x: Array, gain: Array, bias: Array) -> Array:
    """By the population variance of each map over images and pixels; gain and bias [C]."""
    out = np.empty_like(x)
    for c in range(x.shape[1]):
        values = x[:, c]
        mean = values.sum() / values.size
        variance = ((values - mean) ** 2).sum() / values.size
        out[:, c] = gain[c] * (values - mean) / np.sqrt(variance + 1e-4) + bias[c]
    return out


def layer_norm(x: Array, gain: float, bias: Array) -> Array:
    """Each image by the population variance of all its features; one gain, a bias [C]."""
    out = np.empty_like(x)
    for n, image in enumerate(x):
        mean = image.sum() / image.size
        variance = ((image - mean) ** 2).sum() / image.size
        out[n] = gain * (image - mean) / np.sqrt(variance + 1e-4)
    return np.asarray(out + by_map(bias, x))


def deviations(x: Array, groups: int) -> Array:
    """Minibatch stddev's extra value of each sample; sample i is in group i mod `groups`: [N]."""
    values = np.empty(len(x))
    for i in range(len(x)):
        members = x[i % groups :: groups]
        mean = members.sum(axis=0) / len(members)
        variance = ((members - mean) ** 2).sum(axis=0) / len(members)
        values[i] = np.sqrt(variance + 1e-8).mean()
    return values


def with_stddev(x: Array, groups: int) -> Array:
    extra = np.broadcast_to(deviations(x, groups)[:, None, None, None], (len(x), 1, *x.shape[2:]))
    return np.concatenate([x, extra], axis=1)


def distances(x: Array, direction: Array, log_length: Array) -> Array:
    """L1 between projections of two images by each kernel: [N, N, K]."""
    C, K, B = direction.shape
    out = np.zeros((len(x), len(x), K))
    for i, j, k in np.ndindex(len(x), len(x), K):
        for b in range(B):
            axis = direction[:, k, b]
            length = np.exp(log_length[k, b]) / np.sqrt(sum(axis[c] ** 2 for c in range(C)))
            out[i, j, k] += abs(sum((x[i, c] - x[j, c]) * axis[c] * length for c in range(C)))
    return out


def discrimination(x: Array, direction: Array, log_length: Array, bias: Array) -> Array:
    """Features [N, C] with o(x_i)_k = sum over others of exp(-L1) + bias beside: [N, C + K]."""
    apart = distances(x, direction, log_length)
    extra = np.empty((len(x), len(bias)))
    for i, k in np.ndindex(*extra.shape):
        extra[i, k] = bias[k] + sum(np.exp(-apart[i, j, k]) for j in range(len(x)) if j != i)
    return np.concatenate([x, extra], axis=1)
