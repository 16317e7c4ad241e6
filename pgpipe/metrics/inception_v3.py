"""Inception-v3 of 2015-12-05: the network of the Inception score and of FID.

What makes it this network and no other: averages that do not count padding, a maximum in the last
block, 1008 logits of which the score leaves out the bias, and the bilinear resize of TensorFlow 1,
without antialiasing. Other ports of Inception-v3 give other scores.
"""

import io

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgpipe.metrics.inception_blocks import MIXED, STEM, Block, Branch, Step

INPUT = 299  # pixels
CLASSES = 1008


class Convolution(nn.Module):
    """Convolution, batch norm by fixed statistics, ReLU: [N, C, H, W] -> [N, maps, H', W']."""

    def __init__(self, channels: int, step: Step) -> None:
        super().__init__()
        height, width = step.kernel
        padding = (0, 0) if step.valid else (height // 2, width // 2)
        self.conv = nn.Conv2d(channels, step.maps, step.kernel, step.stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(step.maps, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, maps, H', W']."""
        return F.relu(self.bn(self.conv(x)))


class Branches(nn.Module):
    """A block of an input of `channels`; `maps` is how many channels it puts out."""

    def __init__(self, channels: int, block: Block) -> None:
        super().__init__()
        self.block = block
        self.maps = sum(self.add(channels, branch) for branch in block)

    def add(self, channels: int, branch: Branch) -> int:
        """Make the convolutions of a branch; the channels that come out of it."""
        for part in branch:
            if isinstance(part, Step):
                self.add_module(part.name, Convolution(channels, part))
                channels = part.maps
            elif isinstance(part, list):
                channels = sum(self.add(channels, (step,)) for step in part)
        return channels

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, maps, H', W']."""
        return torch.cat([self.along(branch, x) for branch in self.block], dim=1)

    def along(self, branch: Branch, x: Tensor) -> Tensor:
        """What comes out of one branch."""
        for part in branch:
            if isinstance(part, Step):
                x = self.get_submodule(part.name)(x)
            elif isinstance(part, list):
                x = torch.cat([self.along((step,), x) for step in part], dim=1)
            else:
                x = part(x)
        return x


class InceptionV3(Branches):
    """The network; its state has the names and shapes of the public weight file."""

    def __init__(self) -> None:
        super().__init__(3, (STEM,))
        maps = self.maps
        for name, block in MIXED.items():
            mixed = Branches(maps, block)
            self.add_module(name, mixed)
            maps = mixed.maps
        self.fc = nn.Linear(maps, CLASSES)

    def features(self, images: Tensor) -> Tensor:
        """[N, 3, H, W] in 0..255 -> averages of the last maps [N, 2048]."""
        x = (resize(images, INPUT) - 128) / 128
        x = self(x.contiguous(memory_format=torch.channels_last))  # saves a CPU a quarter of time
        for name in MIXED:
            x = self.get_submodule(name)(x)  # [N, 2048, 8, 8] in the end
        pooled: Tensor = x.mean(dim=(2, 3))
        return pooled

    def logits(self, features: Tensor) -> Tensor:
        """[N, 2048] -> [N, 1008], without the bias (as the Inception score's code takes them)."""
        return F.linear(features, self.fc.weight)


def resize(x: Tensor, size: int) -> Tensor:
    """TensorFlow 1's bilinear resize of [N, C, H, W] to [N, C, size, size].

    Output pixel i lies at i * in / out of the input, corner on corner and not centre on centre;
    where that is beyond the last pixel, the last pixel counts.
    """
    return resize_axis(resize_axis(x, 3, size), 2, size)


def resize_axis(x: Tensor, axis: int, size: int) -> Tensor:
    """Linear interpolation along one axis."""
    length = x.shape[axis]
    at = torch.arange(size, device=x.device) * (length / size)
    below = at.long()
    above = (below + 1).clamp(max=length - 1)
    shape = [size if dim == axis else 1 for dim in range(x.ndim)]
    share = (at - below).view(shape)
    return x.index_select(axis, below).lerp(x.index_select(axis, above), share)


def load(data: bytes, device: torch.device) -> InceptionV3:
    """The network with the weights of the public file, whose bytes are `data`."""
    with torch.device("meta"):  # no first weights are drawn
        net = InceptionV3()
    named = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    net.load_state_dict(named, assign=True)
    return net.eval().requires_grad_(False)
