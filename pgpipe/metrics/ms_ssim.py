"""Multi-scale structural similarity of image pairs (Wang, Simoncelli and Bovik 2003).

The mean over pairs of generated images says how alike they are: 1 for identical ones, lower is more
variation, the reals' own value is the reference (Odena et al. 2017; Karras et al. 2018, section 5).
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pgpipe.images import Readable
from pgpipe.metrics.bootstrap import resampled_means, with_interval
from pgpipe.metrics.config import Protocol
from pgpipe.metrics.streams import Stream, chosen, chunks, stream

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of five scales, finest first
WINDOW = 11  # pixels
SIGMA = 1.5  # pixels, of the full window
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def scores(
    fakes: Readable, _reals: Readable | None, protocol: Protocol, device: torch.device, *_: object
) -> dict[str, float]:
    """`ms_ssim`, the mean over pairs, with its 95 % interval over other pairs."""
    pairs = ms_ssim_of_pairs(stream(fakes, 2 * protocol.ms_ssim_pairs), device)
    resampled = resampled_means(pairs, protocol.seed)
    return with_interval("ms_ssim", float(pairs.mean()), resampled)


def scores_within_classes(
    images: Readable, labels: NDArray[np.int64], protocol: Protocol, device: torch.device
) -> dict[str, float]:
    """`class_ms_ssim`, the mean over pairs of one label, as `scores`; none where no two share one.

    One image per class has as low an MS-SSIM of all pairs as the reals (Odena et al. 2017,
    section 4.3 looks at each class, too). Classes count as often as they have pairs.
    """
    order = pairs_within_classes(labels[: min(len(images), 2 * protocol.ms_ssim_pairs)])
    if not len(order):
        return {}
    pairs = ms_ssim_of_pairs(lambda: chosen(images, order), device)
    resampled = resampled_means(pairs, protocol.seed)
    return with_interval("class_ms_ssim", float(pairs.mean()), resampled)


def pairs_within_classes(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the images of labels [N] in an order in which each two belong to one class."""
    by_class = (np.flatnonzero(labels == label) for label in np.unique(labels))
    return np.concatenate([images[: len(images) // 2 * 2] for images in by_class])


def ms_ssim_of_pairs(images: Stream, device: torch.device) -> NDArray[np.float64]:
    """Similarity of each consecutive pair of uint8 [n, H, W, C] batches, each n even: [pairs]."""
    found: list[float] = []  # not tensors: small ones between large ones keep memory from reuse
    for chunk in chunks(images, multiple=2):
        x = torch.tensor(chunk, device=device).permute(0, 3, 1, 2).float()
        found += ms_ssim(x[0::2], x[1::2]).tolist()
    return np.array(found)


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Similarity of each pair of [N, C, H, W] in 0..255: [N] in 0..1."""
    product = torch.ones(len(a), device=a.device)
    for weight in WEIGHTS[:-1]:
        _, contrast = similarity(a, b)
        product = product * contrast.clamp(min=0) ** weight
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    ssim, _ = similarity(a, b)
    return product * ssim.clamp(min=0) ** WEIGHTS[-1]


def similarity(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM, and its contrast and structure part, of each pair at one scale: [N], [N]."""
    taps = window(min(WINDOW, a.shape[2], a.shape[3]))
    middle = 127.5  # variances from values near 0 lose fewer bits
    a, b = a - middle, b - middle
    planes = torch.stack([a, b, a * a, b * b, a * b])
    mean_a, mean_b, aa, bb, ab = filtered(planes.flatten(0, 2), taps).view(5, len(a), -1)
    variances = aa - mean_a**2 + bb - mean_b**2
    covariance = ab - mean_a * mean_b
    mean_a, mean_b = mean_a + middle, mean_b + middle
    contrast = (2 * covariance + C2) / (variances + C2)
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return (luminance * contrast).mean(dim=1), contrast.mean(dim=1)


def window(size: int) -> Tensor:
    """Gaussian taps [size], sum 1; sigma shrinks with a window smaller than 11."""
    x = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    taps = torch.exp(-0.5 * (x / (SIGMA * size / WINDOW)) ** 2)
    return taps / taps.sum()


def filtered(planes: Tensor, taps: Tensor) -> Tensor:
    """Separable filter of [P, H, W] with "valid" borders.

    A sum of shifted slices: convolutions of one channel are up to 28 times as slow on a CPU.
    """
    first, *others = taps.tolist()
    for axis in (1, 2):
        size = planes.shape[axis] - len(others)
        total = first * planes.narrow(axis, 0, size)
        for shift, tap in enumerate(others, 1):
            total.add_(planes.narrow(axis, shift, size), alpha=tap)
        planes = total
    return planes
