"""The Laplacian pyramid (Burt and Adelson 1983), with OpenCV's pyrDown and pyrUp.

N images, C channels, H x W pixels, floating point. Borders are mirrored without repeating the edge.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def blur(x: Tensor, gain: float = 1.0, stride: int = 1) -> Tensor:
    """The separable 5x5 binomial filter, times `gain`, at every `stride`-th pixel."""
    taps = torch.tensor(BINOMIAL, dtype=x.dtype, device=x.device) * gain**0.5
    planes = F.pad(x.flatten(0, 1)[:, None], (2, 2, 2, 2), mode="reflect")  # [N * C, 1, H+4, W+4]
    planes = F.conv2d(planes, taps.view(1, 1, 5, 1), stride=(stride, 1))
    planes = F.conv2d(planes, taps.view(1, 1, 1, 5), stride=(1, stride))
    return planes.view(*x.shape[:2], *planes.shape[2:])


def down(x: Tensor) -> Tensor:
    """pyrDown: blur, then every second pixel: [N, C, H, W] -> [N, C, H/2, W/2]."""
    return blur(x, stride=2)


def up(x: Tensor) -> Tensor:
    """pyrUp: zeros between the pixels, then blur times 4: [N, C, H, W] -> [N, C, 2H, 2W]."""
    stuffed = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    stuffed[:, :, ::2, ::2] = x
    return blur(stuffed, gain=4.0)


def laplacian_pyramid(x: Tensor, smallest: int) -> Iterator[Tensor]:
    """Residuals from the finest level on, then the low-pass of `smallest` pixels."""
    while x.shape[-1] > smallest:
        coarse = down(x)
        yield x - up(coarse)
        x = coarse
    yield x
