"""The multi-scale structural similarity of pairs of images, written out literally.

A slow reference to check a fast implementation against; every step is one formula in float64.

Sources:
    The metric: Wang, Simoncelli and Bovik, "Multiscale Structural Similarity for Image Quality
    Assessment" (Asilomar Conference on Signals, Systems and Computers, 2003).
    Its use on pairs of generated images as a measure of variation: Karras, Aila, Laine and
    Lehtinen, "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (ICLR
    2018), section 5 and appendix.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest scale first
PIXEL_RANGE = 255.0
C1 = (0.01 * PIXEL_RANGE) ** 2
C2 = (0.03 * PIXEL_RANGE) ** 2
WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5


def window(height: int, width: int) -> Floats:
    """Gaussian weights of sum 1 for an image of this size.

    Normally 11x11 with sigma 1.5. A smaller image gets a window of its own size, with sigma in
    proportion. The coordinates are centred, so an even window has its taps at half-integers.
    """
    size = min(WINDOW_SIZE, height, width)
    sigma = size * WINDOW_SIGMA / WINDOW_SIZE
    weights = np.empty((size, size), dtype=np.float64)
    for row in range(size):
        for column in range(size):
            y = row - (size - 1) / 2
            x = column - (size - 1) / 2
            weights[row, column] = np.exp(-(x * x + y * y) / (2.0 * sigma * sigma))
    return weights / np.sum(weights)


def windowed_mean(plane: Floats, weights: Floats) -> Floats:
    """Weighted mean of [H, W] under the window, wherever it lies wholly inside ("valid")."""
    size = len(weights)
    height, width = plane.shape[0] - size + 1, plane.shape[1] - size + 1
    total = np.zeros((height, width), dtype=np.float64)
    for row in range(size):
        for column in range(size):
            total += weights[row, column] * plane[row : row + height, column : column + width]
    return total


def windowed_covariance(a: Floats, b: Floats, weights: Floats) -> Floats:
    """Weighted mean of (a - mean of a) (b - mean of b) under each window; a, b is a variance.

    The deviations are from the mean of the very window that is summed over, as the definition has
    it; the shortcut E[ab] - E[a] E[b] would lose digits where the image is nearly flat.
    """
    size = len(weights)
    mean_a, mean_b = windowed_mean(a, weights), windowed_mean(b, weights)
    height, width = mean_a.shape
    total = np.zeros((height, width), dtype=np.float64)
    for row in range(size):
        for column in range(size):
            deviation_a = a[row : row + height, column : column + width] - mean_a
            deviation_b = b[row : row + height, column : column + width] - mean_b
            total += weights[row, column] * deviation_a * deviation_b
    return total


def luminance(a: Floats, b: Floats, weights: Floats) -> Floats:
    """How alike the local means of two planes are."""
    mean_a, mean_b = windowed_mean(a, weights), windowed_mean(b, weights)
    return (2.0 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)


def contrast_structure(a: Floats, b: Floats, weights: Floats) -> Floats:
    """How alike two planes are around their local means: contrast times structure."""
    covariance = windowed_covariance(a, b, weights)
    variance_a = windowed_covariance(a, a, weights)
    variance_b = windowed_covariance(b, b, weights)
    return (2.0 * covariance + C2) / (variance_a + variance_b + C2)


def scale_terms(a: Floats, b: Floats) -> tuple[float, float]:
    """Mean SSIM and mean contrast-structure of two [H, W, C] images.

    Each channel is filtered by itself. The channels' maps are equally large, so the mean over all
    channels and positions is the mean of the stacked maps.
    """
    weights = window(a.shape[0], a.shape[1])
    ssim_maps: list[Floats] = []
    cs_maps: list[Floats] = []
    for c in range(a.shape[2]):
        cs = contrast_structure(a[:, :, c], b[:, :, c], weights)
        cs_maps.append(cs)
        ssim_maps.append(luminance(a[:, :, c], b[:, :, c], weights) * cs)
    return float(np.mean(ssim_maps)), float(np.mean(cs_maps))


def halved(image: Floats) -> Floats:
    """Replace each 2x2 block of [H, W, C] by its mean; the blocks do not overlap."""
    if image.shape[0] % 2 or image.shape[1] % 2:
        raise ValueError(f"cannot halve an image of shape {image.shape}")
    upper = image[0::2, 0::2] + image[0::2, 1::2]
    lower = image[1::2, 0::2] + image[1::2, 1::2]
    return (upper + lower) / 4.0


def ms_ssim_of_pair(a: Floats, b: Floats) -> float:
    """Compute MCS_1^w1 MCS_2^w2 MCS_3^w3 MCS_4^w4 SSIM_5^w5 of two [H, W, C] images.

    The contrast-structure mean of a scale, and the SSIM mean of the last, may be negative, and a
    negative number has no real fractional power. So each is clipped at 0 first, once for the whole
    image and not position by position.
    """
    product = 1.0
    last = len(WEIGHTS) - 1
    for scale, weight in enumerate(WEIGHTS):
        ssim, cs = scale_terms(a, b)
        if scale < last:
            product *= max(cs, 0.0) ** weight
            a, b = halved(a), halved(b)
        else:
            product *= max(ssim, 0.0) ** weight
    return product


def ms_ssim(a: Bytes, b: Bytes) -> Floats:
    """MS-SSIM of each pair (a[i], b[i]) of [N, H, W, 3] images."""
    if a.shape != b.shape:
        raise ValueError(f"the images must be equally many and large, not {a.shape} and {b.shape}")
    pairs = zip(a.astype(np.float64), b.astype(np.float64), strict=True)
    return np.array([ms_ssim_of_pair(x, y) for x, y in pairs], dtype=np.float64)


def ms_ssim_of(images: Bytes) -> float:
    """Mean MS-SSIM over the pairs (0, 1), (2, 3), ... of [N, H, W, 3] images."""
    if len(images) == 0 or len(images) % 2:
        raise ValueError(f"{len(images)} images do not make pairs")
    return float(np.mean(ms_ssim(images[0::2], images[1::2])))
