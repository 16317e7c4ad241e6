"""The sliced Wasserstein distance between two sets of images, written out literally.

A slow reference to check a fast implementation against; every step is one formula in float64.

Sources:
    The metric: Karras, Aila, Laine and Lehtinen, "Progressive Growing of GANs for Improved
    Quality, Stability, and Variation" (ICLR 2018), section 5 and appendix.
    The distance: Rabin, Peyre, Delon and Bernot, "Wasserstein Barycenter and Its Application to
    Texture Mixing" (SSVM 2011).
    The pyramid: Burt and Adelson, "The Laplacian Pyramid as a Compact Image Code" (IEEE
    Transactions on Communications, 1983), with the borders of OpenCV's pyrDown and pyrUp.

Nothing here is random: the caller says where the patches lie and which directions are projected on.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
# (which set: 'real' or 'fake', level, height, width) -> (tops, lefts), each [N, patches per image].
Corners = Callable[[str, int, int, int], tuple[Ints, Ints]]
# level -> [147, number of directions], one unit vector per column.
Directions = Callable[[int], Floats]

BINOMIAL = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
COARSEST = 16
PATCH = 7
ROWS, COLUMNS = 1, 2  # the axes of [N, H, W, C] that are filtered


def filtered(images: Floats, taps: Floats) -> Floats:
    """Filter rows and columns with the same five taps.

    The border mirrors the image without repeating its edge pixel: c b | a b c d | c b. That is
    what scipy calls 'mirror' and OpenCV BORDER_REFLECT_101. Images and channels never mix.
    """
    down_the_rows = ndimage.correlate1d(images, taps, axis=ROWS, mode="mirror")
    both = ndimage.correlate1d(down_the_rows, taps, axis=COLUMNS, mode="mirror")
    return np.asarray(both, dtype=np.float64)


def pyr_down(images: Floats) -> Floats:
    """Halve the size: filter, then keep every second pixel, starting with pixel 0."""
    return filtered(images, BINOMIAL)[:, 0::2, 0::2, :]


def pyr_up(images: Floats) -> Floats:
    """Double the size: put the pixels at even places among zeros, then filter.

    Three of four pixels of the zero-stuffed image are zero, so the filter is made four times as
    strong, which is twice per axis.

    The border is the mirror without repeat of the zero-stuffed image (length 2n), not of the small
    one. At the near edge place -2 mirrors place 2, so output 0 is (6 s[0] + 2 s[1]) / 8. At the far
    edge the mirror turns at place 2n-1, which is a zero, so place 2n mirrors place 2n-2: the last
    pixel is seen again, and outputs 2n-2 and 2n-1 are (s[n-2] + 7 s[n-1]) / 8 and s[n-1]. OpenCV's
    pyrUp computes these same three expressions, so there is nothing to choose between the two.
    """
    count, height, width, channels = images.shape
    stuffed = np.zeros((count, 2 * height, 2 * width, channels), dtype=np.float64)
    stuffed[:, 0::2, 0::2, :] = images
    return filtered(stuffed, 2.0 * BINOMIAL)


def laplacian_pyramid(images: Bytes, levels: int) -> list[Floats]:
    """Split [N, H, W, 3] images into levels, finest first.

    Every level but the last is what the next smaller image, enlarged, misses. The last level is
    the smallest image itself.
    """
    if levels < 1:
        raise ValueError(f"a pyramid has at least one level, not {levels}")
    current = images.astype(np.float64)
    pyramid: list[Floats] = []
    for _ in range(levels - 1):
        # An odd size cannot be doubled back to itself, and the protocol never meets one.
        if current.shape[ROWS] % 2 or current.shape[COLUMNS] % 2:
            raise ValueError(f"cannot halve an image of shape {current.shape[1:]}")
        smaller = pyr_down(current)
        pyramid.append(current - pyr_up(smaller))
        current = smaller
    pyramid.append(current)
    return pyramid


def patches(level: Floats, tops: Ints, lefts: Ints) -> Floats:
    """Cut a 7x7x3 neighbourhood at each top-left corner: all of image 0's, then image 1's, ..."""
    count, height, width, _ = level.shape
    if tops.shape != lefts.shape or tops.shape[0] != count:
        raise ValueError(f"corners {tops.shape} and {lefts.shape} do not fit {count} images")
    cut: list[Floats] = []
    for image, image_tops, image_lefts in zip(level, tops, lefts, strict=True):
        for top, left in zip(image_tops, image_lefts, strict=True):
            # A slice past the edge would come out short, and a negative one would wrap around.
            if not (0 <= top <= height - PATCH and 0 <= left <= width - PATCH):
                raise ValueError(f"the patch at ({top}, {left}) leaves the {height}x{width} level")
            cut.append(image[top : top + PATCH, left : left + PATCH, :])
    return np.stack(cut)


def normalised(patches: Floats) -> Floats:
    """Turn [M, 7, 7, 3] patches into [M, 147] descriptors with each channel standardised.

    The mean and the population standard deviation of a channel are taken over all patches and all
    49 places in them together. The order within a descriptor is channel, row, column. A channel
    that is the same everywhere has no standard deviation to divide by, which is an error.
    """
    channels: list[Floats] = []
    for c in range(patches.shape[3]):
        values = patches[:, :, :, c]
        mean = np.sum(values) / values.size
        deviation = np.sqrt(np.sum((values - mean) ** 2) / values.size)
        if deviation == 0.0:
            raise ValueError(f"channel {c} is constant over the whole set")
        channels.append(((values - mean) / deviation).reshape(len(values), PATCH * PATCH))
    return np.concatenate(channels, axis=1)


def wasserstein_1d(p: Floats, q: Floats) -> float:
    """Distance between two equally large sets of numbers: pair the smallest, the next, ..."""
    return float(np.mean(np.abs(np.sort(p) - np.sort(q))))


def sliced_distance(a: Floats, b: Floats, directions: Floats) -> float:
    """Mean over the directions (columns) of the distance between the projections on each."""
    if a.shape != b.shape:
        raise ValueError(f"the sets must be equally large, not {a.shape} and {b.shape}")
    distances = [wasserstein_1d(a @ direction, b @ direction) for direction in directions.T]
    return float(np.mean(distances))


def level_count(size: int) -> int:
    """Count the sizes from this one down to 16, both included."""
    levels = 1
    while size > COARSEST:
        if size % 2:
            raise ValueError("the size must be 16 times a power of two")
        size //= 2
        levels += 1
    if size != COARSEST:
        raise ValueError("the size must be 16 times a power of two")
    return levels


def swd(reals: Bytes, fakes: Bytes, corners: Corners, directions: Directions) -> list[float]:
    """Sliced Wasserstein distance x 1000 of each level, finest (level 0) first.

    Each set is normalised by its own statistics. The four repeats of 128 directions are the 512
    columns of directions(level): repeats of equal size have the same mean together as apart. The
    average that is reported beside the levels is the plain mean of the returned list.
    """
    if reals.shape != fakes.shape or reals.shape[1] != reals.shape[2]:
        raise ValueError(f"need two equal sets of squares, not {reals.shape} and {fakes.shape}")
    levels = level_count(reals.shape[1])
    real_pyramid = laplacian_pyramid(reals, levels)
    fake_pyramid = laplacian_pyramid(fakes, levels)
    result: list[float] = []
    for level in range(levels):
        _, h, w, _ = real_pyramid[level].shape
        a = normalised(patches(real_pyramid[level], *corners("real", level, h, w)))
        b = normalised(patches(fake_pyramid[level], *corners("fake", level, h, w)))
        result.append(1000.0 * sliced_distance(a, b, directions(level)))
    return result
