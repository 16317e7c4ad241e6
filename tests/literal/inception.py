"""Inception-v3 of 2015-12-05 step by step, and the names and shapes of its public weight file.

Written from Szegedy et al. 2016 and the graph's operations, not from `pgpipe.metrics`: padding and
pooling by hand, batch norm as a formula, one convolution a line.
"""

import io

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

CONVOLUTIONS = """
Conv2d_1a_3x3 32 3 3 3
Conv2d_2a_3x3 32 32 3 3
Conv2d_2b_3x3 64 32 3 3
Conv2d_3b_1x1 80 64 1 1
Conv2d_4a_3x3 192 80 3 3
Mixed_5b.branch1x1 64 192 1 1
Mixed_5b.branch5x5_1 48 192 1 1
Mixed_5b.branch5x5_2 64 48 5 5
Mixed_5b.branch3x3dbl_1 64 192 1 1
Mixed_5b.branch3x3dbl_2 96 64 3 3
Mixed_5b.branch3x3dbl_3 96 96 3 3
Mixed_5b.branch_pool 32 192 1 1
Mixed_5c.branch1x1 64 256 1 1
Mixed_5c.branch5x5_1 48 256 1 1
Mixed_5c.branch5x5_2 64 48 5 5
Mixed_5c.branch3x3dbl_1 64 256 1 1
Mixed_5c.branch3x3dbl_2 96 64 3 3
Mixed_5c.branch3x3dbl_3 96 96 3 3
Mixed_5c.branch_pool 64 256 1 1
Mixed_5d.branch1x1 64 288 1 1
Mixed_5d.branch5x5_1 48 288 1 1
Mixed_5d.branch5x5_2 64 48 5 5
Mixed_5d.branch3x3dbl_1 64 288 1 1
Mixed_5d.branch3x3dbl_2 96 64 3 3
Mixed_5d.branch3x3dbl_3 96 96 3 3
Mixed_5d.branch_pool 64 288 1 1
Mixed_6a.branch3x3 384 288 3 3
Mixed_6a.branch3x3dbl_1 64 288 1 1
Mixed_6a.branch3x3dbl_2 96 64 3 3
Mixed_6a.branch3x3dbl_3 96 96 3 3
Mixed_6b.branch1x1 192 768 1 1
Mixed_6b.branch7x7_1 128 768 1 1
Mixed_6b.branch7x7_2 128 128 1 7
Mixed_6b.branch7x7_3 192 128 7 1
Mixed_6b.branch7x7dbl_1 128 768 1 1
Mixed_6b.branch7x7dbl_2 128 128 7 1
Mixed_6b.branch7x7dbl_3 128 128 1 7
Mixed_6b.branch7x7dbl_4 128 128 7 1
Mixed_6b.branch7x7dbl_5 192 128 1 7
Mixed_6b.branch_pool 192 768 1 1
Mixed_6c.branch1x1 192 768 1 1
Mixed_6c.branch7x7_1 160 768 1 1
Mixed_6c.branch7x7_2 160 160 1 7
Mixed_6c.branch7x7_3 192 160 7 1
Mixed_6c.branch7x7dbl_1 160 768 1 1
Mixed_6c.branch7x7dbl_2 160 160 7 1
Mixed_6c.branch7x7dbl_3 160 160 1 7
Mixed_6c.branch7x7dbl_4 160 160 7 1
Mixed_6c.branch7x7dbl_5 192 160 1 7
Mixed_6c.branch_pool 192 768 1 1
Mixed_6d.branch1x1 192 768 1 1
Mixed_6d.branch7x7_1 160 768 1 1
Mixed_6d.branch7x7_2 160 160 1 7
Mixed_6d.branch7x7_3 192 160 7 1
Mixed_6d.branch7x7dbl_1 160 768 1 1
Mixed_6d.branch7x7dbl_2 160 160 7 1
Mixed_6d.branch7x7dbl_3 160 160 1 7
Mixed_6d.branch7x7dbl_4 160 160 7 1
Mixed_6d.branch7x7dbl_5 192 160 1 7
Mixed_6d.branch_pool 192 768 1 1
Mixed_6e.branch1x1 192 768 1 1
Mixed_6e.branch7x7_1 192 768 1 1
Mixed_6e.branch7x7_2 192 192 1 7
Mixed_6e.branch7x7_3 192 192 7 1
Mixed_6e.branch7x7dbl_1 192 768 1 1
Mixed_6e.branch7x7dbl_2 192 192 7 1
Mixed_6e.branch7x7dbl_3 192 192 1 7
Mixed_6e.branch7x7dbl_4 192 192 7 1
Mixed_6e.branch7x7dbl_5 192 192 1 7
Mixed_6e.branch_pool 192 768 1 1
Mixed_7a.branch3x3_1 192 768 1 1
Mixed_7a.branch3x3_2 320 192 3 3
Mixed_7a.branch7x7x3_1 192 768 1 1
Mixed_7a.branch7x7x3_2 192 192 1 7
Mixed_7a.branch7x7x3_3 192 192 7 1
Mixed_7a.branch7x7x3_4 192 192 3 3
Mixed_7b.branch1x1 320 1280 1 1
Mixed_7b.branch3x3_1 384 1280 1 1
Mixed_7b.branch3x3_2a 384 384 1 3
Mixed_7b.branch3x3_2b 384 384 3 1
Mixed_7b.branch3x3dbl_1 448 1280 1 1
Mixed_7b.branch3x3dbl_2 384 448 3 3
Mixed_7b.branch3x3dbl_3a 384 384 1 3
Mixed_7b.branch3x3dbl_3b 384 384 3 1
Mixed_7b.branch_pool 192 1280 1 1
Mixed_7c.branch1x1 320 2048 1 1
Mixed_7c.branch3x3_1 384 2048 1 1
Mixed_7c.branch3x3_2a 384 384 1 3
Mixed_7c.branch3x3_2b 384 384 3 1
Mixed_7c.branch3x3dbl_1 448 2048 1 1
Mixed_7c.branch3x3dbl_2 384 448 3 3
Mixed_7c.branch3x3dbl_3a 384 384 1 3
Mixed_7c.branch3x3dbl_3b 384 384 3 1
Mixed_7c.branch_pool 192 2048 1 1
"""
STATISTICS = ("weight", "bias", "running_mean", "running_var")

Shapes = dict[str, tuple[int, ...]]
Weights = dict[str, Tensor]


def shapes() -> Shapes:
    """Every entry of the public file and its shape."""
    found: Shapes = {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
    for line in CONVOLUTIONS.split("\n")[1:-1]:
        name, *sizes = line.split()
        found[f"{name}.conv.weight"] = tuple(map(int, sizes))
        found |= {f"{name}.bn.{statistic}": (int(sizes[0]),) for statistic in STATISTICS}
        found[f"{name}.bn.num_batches_tracked"] = ()
    return found


def generated(seed: int) -> Weights:
    """Weights that keep signals alive through all layers, every entry random."""
    draw = torch.Generator().manual_seed(seed)
    weights: Weights = {}
    for name, shape in shapes().items():
        if name.endswith("tracked"):
            weights[name] = torch.tensor(1)
        elif len(shape) > 1:
            fan_in = shape[1] * (shape[2] * shape[3] if len(shape) > 2 else 1)
            weights[name] = torch.randn(shape, generator=draw) * (2 / fan_in) ** 0.5
        elif name.endswith(("running_var", "bn.weight")):
            weights[name] = torch.rand(shape, generator=draw) + 0.5
        else:
            weights[name] = torch.randn(shape, generator=draw) * 0.1
    return weights


def file_of(weights: Weights) -> bytes:
    """Weights as the public file holds them."""
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    return buffer.getvalue()


def resized(image: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """[H, W] by TensorFlow 1's bilinear resize, pixel by pixel."""
    height, width = image.shape
    out = np.empty((size, size))
    for i in range(size):
        y = i * height / size
        top, bottom = int(y), min(int(y) + 1, height - 1)
        for j in range(size):
            x = j * width / size
            left, right = int(x), min(int(x) + 1, width - 1)
            upper = image[top, left] * (1 - x + left) + image[top, right] * (x - left)
            lower = image[bottom, left] * (1 - x + left) + image[bottom, right] * (x - left)
            out[i, j] = upper * (1 - y + top) + lower * (y - top)
    return out


class Literal:
    """The forward pass of images uint8 [N, H, W, 3] with given weights."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def __call__(self, images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Features [N, 2048] and logits without bias [N, 1008]."""
        planes = [[resized(i[..., c].astype(float), 299) for c in range(3)] for i in images]
        x = torch.from_numpy(np.array(planes)).float() / 128 - 1
        x = self.conv(x, "Conv2d_1a_3x3", 2)
        x = self.conv(x, "Conv2d_2a_3x3")
        x = self.conv(x, "Conv2d_2b_3x3", pad=(1, 1))
        x = F.max_pool2d(x, 3, 2)
        x = self.conv(x, "Conv2d_3b_1x1")
        x = self.conv(x, "Conv2d_4a_3x3")
        x = F.max_pool2d(x, 3, 2)
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self.a(x, name)
        x = self.b(x, "Mixed_6a")
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self.c(x, name)
        x = self.d(x, "Mixed_7a")
        x = self.e(x, "Mixed_7b", average(x))
        x = self.e(x, "Mixed_7c", maximum(x))
        assert x.shape[1:] == (2048, 8, 8)
        features = x.sum(dim=(2, 3)) / 64
        return features, features @ self.weights["fc.weight"].T

    def conv(self, x: Tensor, name: str, stride: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
        w = {key: self.weights[f"{name}.bn.{key}"][:, None, None] for key in STATISTICS}
        x = F.pad(x, (pad[1], pad[1], pad[0], pad[0]))
        x = F.conv2d(x, self.weights[f"{name}.conv.weight"], stride=stride)
        x = (x - w["running_mean"]) / (w["running_var"] + 0.001).sqrt() * w["weight"] + w["bias"]
        return x.clamp(min=0)

    def a(self, x: Tensor, name: str) -> Tensor:
        one = self.conv(x, f"{name}.branch1x1")
        five = self.conv(x, f"{name}.branch5x5_1")
        five = self.conv(five, f"{name}.branch5x5_2", pad=(2, 2))
        three = self.conv(x, f"{name}.branch3x3dbl_1")
        three = self.conv(three, f"{name}.branch3x3dbl_2", pad=(1, 1))
        three = self.conv(three, f"{name}.branch3x3dbl_3", pad=(1, 1))
        pool = self.conv(average(x), f"{name}.branch_pool")
        return torch.cat([one, five, three, pool], 1)

    def b(self, x: Tensor, name: str) -> Tensor:
        once = self.conv(x, f"{name}.branch3x3", 2)
        twice = self.conv(x, f"{name}.branch3x3dbl_1")
        twice = self.conv(twice, f"{name}.branch3x3dbl_2", pad=(1, 1))
        twice = self.conv(twice, f"{name}.branch3x3dbl_3", 2)
        return torch.cat([once, twice, F.max_pool2d(x, 3, 2)], 1)

    def c(self, x: Tensor, name: str) -> Tensor:
        one = self.conv(x, f"{name}.branch1x1")
        seven = self.conv(x, f"{name}.branch7x7_1")
        seven = self.conv(seven, f"{name}.branch7x7_2", pad=(0, 3))
        seven = self.conv(seven, f"{name}.branch7x7_3", pad=(3, 0))
        twice = self.conv(x, f"{name}.branch7x7dbl_1")
        twice = self.conv(twice, f"{name}.branch7x7dbl_2", pad=(3, 0))
        twice = self.conv(twice, f"{name}.branch7x7dbl_3", pad=(0, 3))
        twice = self.conv(twice, f"{name}.branch7x7dbl_4", pad=(3, 0))
        twice = self.conv(twice, f"{name}.branch7x7dbl_5", pad=(0, 3))
        pool = self.conv(average(x), f"{name}.branch_pool")
        return torch.cat([one, seven, twice, pool], 1)

    def d(self, x: Tensor, name: str) -> Tensor:
        three = self.conv(self.conv(x, f"{name}.branch3x3_1"), f"{name}.branch3x3_2", 2)
        seven = self.conv(x, f"{name}.branch7x7x3_1")
        seven = self.conv(seven, f"{name}.branch7x7x3_2", pad=(0, 3))
        seven = self.conv(seven, f"{name}.branch7x7x3_3", pad=(3, 0))
        seven = self.conv(seven, f"{name}.branch7x7x3_4", 2)
        return torch.cat([three, seven, F.max_pool2d(x, 3, 2)], 1)

    def e(self, x: Tensor, name: str, pooled: Tensor) -> Tensor:
        one = self.conv(x, f"{name}.branch1x1")
        once = self.conv(x, f"{name}.branch3x3_1")
        twice = self.conv(x, f"{name}.branch3x3dbl_1")
        twice = self.conv(twice, f"{name}.branch3x3dbl_2", pad=(1, 1))
        parts = [
            one,
            self.conv(once, f"{name}.branch3x3_2a", pad=(0, 1)),
            self.conv(once, f"{name}.branch3x3_2b", pad=(1, 0)),
            self.conv(twice, f"{name}.branch3x3dbl_3a", pad=(0, 1)),
            self.conv(twice, f"{name}.branch3x3dbl_3b", pad=(1, 0)),
            self.conv(pooled, f"{name}.branch_pool"),
        ]
        return torch.cat(parts, 1)


def shifts(x: Tensor, outside: float) -> Tensor:
    """The 3x3 neighbours of each pixel of [N, C, H, W]: [9, N, C, H, W]."""
    H, W = x.shape[2:]
    padded = F.pad(x, (1, 1, 1, 1), value=outside)
    moved = [padded[:, :, i : i + H, j : j + W] for i in range(3) for j in range(3)]
    return torch.stack(moved)


def average(x: Tensor) -> Tensor:
    """The mean over those of the 3x3 neighbours that there are."""
    return shifts(x, 0).sum(0) / shifts(torch.ones_like(x), 0).sum(0)


def maximum(x: Tensor) -> Tensor:
    """The largest of the 3x3 neighbours that there are."""
    return shifts(x, -torch.inf).amax(0)
