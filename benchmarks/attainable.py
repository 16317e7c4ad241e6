"""What a device computes at best, in the precision of training: the measure of a training step."""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.timing import Work
from pgpipe import rng
from pgpipe.gan.config import TrainSection
from pgpipe.gan.step import autocast
from pgpipe.training.numerics import prepare

# Large enough that to start an operation takes no time beside it.
SIDES = {"cpu": 2048, "cuda": 8192}  # of the square matrices
CONVOLUTIONS = {"cpu": (16, 256, 32), "cuda": (64, 512, 64)}  # images, feature maps, pixels


def product(section: TrainSection) -> Work:
    """A product of square matrices."""
    device = prepare(section)
    side = SIDES[device.type]
    a, b = (rng.normal((side, side), rng.key(0, name, 0, device)) for name in "ab")

    @torch.no_grad()
    def call() -> Tensor:
        with autocast(section, device):
            return a @ b

    return Work(call, lambda: prepare(section))


def convolution(section: TrainSection) -> Work:
    """A 3x3 convolution from as many feature maps as to, in the memory layout of training."""
    device = prepare(section)
    images, maps, pixels = CONVOLUTIONS[device.type]
    layout = torch.channels_last if section.channels_last else torch.contiguous_format
    shapes = {"x": (images, maps, pixels, pixels), "w": (maps, maps, 3, 3)}
    x, w = (
        rng.normal(shape, rng.key(0, name, 0, device)).contiguous(memory_format=layout)
        for name, shape in shapes.items()
    )

    @torch.no_grad()
    def call() -> Tensor:
        with autocast(section, device):
            return F.conv2d(x, w, padding=1)

    return Work(call, lambda: prepare(section))
