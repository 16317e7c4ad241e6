"""The Laplacian pyramid (Burt and Adelson 1983), with OpenCV's pyrDown and pyrUp.

N images, H x W pixels, C channels, float32 in 0..255. The filter is the separable binomial
(1 4 6 4 1) / 16; borders are mirrored without repeating the edge. Sums of slices instead of
convolutions: the pixels of bytes are multiples of powers of two here, and nothing is rounded.
"""

from collections.abc import Iterator

from torch import Tensor, add, cat, stack

ROWS, COLUMNS = 1, 2  # axes of [N, H, W, C]


def down(x: Tensor) -> Tensor:
    """pyrDown: filter, then every second pixel: [N, H, W, C] -> [N, H/2, W/2, C]."""
    return halved(halved(x, ROWS), COLUMNS)


def up(x: Tensor) -> Tensor:
    """pyrUp: zeros between the pixels, then the filter times 4: [N, H, W, C] -> [N, 2H, 2W, C]."""
    return doubled(doubled(x, COLUMNS), ROWS)


def halved(x: Tensor, axis: int) -> Tensor:
    """Filter along one axis of even length, keeping pixels 0, 2, 4, ..."""
    even, odd = (half.contiguous() for half in x.unflatten(axis, (-1, 2)).unbind(axis + 1))
    n = even.shape[axis]
    sums = add(6 * even, odd, alpha=4)
    sums.narrow(axis, 1, n - 1).add_(odd.narrow(axis, 0, n - 1), alpha=4)
    sums.narrow(axis, 1, n - 1).add_(even.narrow(axis, 0, n - 1))
    sums.narrow(axis, 0, n - 1).add_(even.narrow(axis, 1, n - 1))
    # Pixels -2 and -1 mirror pixels 2 and 1; pixel 2n mirrors pixel 2n - 2.
    sums.select(axis, 0).add_(odd.select(axis, 0), alpha=4).add_(even.select(axis, 1))
    sums.select(axis, n - 1).add_(even.select(axis, n - 1))
    return sums.div_(16)


def doubled(x: Tensor, axis: int) -> Tensor:
    """Enlarge along one axis: (1 6 1) / 8 at the even places, (1 1) / 2 between them."""
    n = x.shape[axis]
    # The mirror turns at the last place, which is between pixels: the last pixel is seen again.
    following = cat([x.narrow(axis, 1, n - 1), x.narrow(axis, n - 1, 1)], axis)
    even = add(following, x, alpha=6)
    even.narrow(axis, 1, n - 1).add_(x.narrow(axis, 0, n - 1))
    even.select(axis, 0).add_(x.select(axis, 1))
    return stack([even.div_(8), following.add_(x).div_(2)], axis + 1).flatten(axis, axis + 1)


def laplacian(x: Tensor, smallest: int) -> Iterator[Tensor]:
    """The levels of the pyramid, finest first: [N, R, R, C] with R = H, H / 2, ..., `smallest`.

    Residuals that the next coarser image, enlarged, misses; the last is that coarsest image.
    """
    while x.shape[ROWS] > smallest:
        coarser = down(x)
        yield x - up(coarser)
        x = coarser
    yield x


def resolutions(finest: int, smallest: int) -> Iterator[int]:
    """Return the levels, finest first: `finest`, `finest` / 2, ..., `smallest`."""
    while finest >= smallest:
        yield finest
        finest //= 2
