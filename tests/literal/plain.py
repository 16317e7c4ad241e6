"""What makes the training step fast, each in its plain form."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgpipe.gan import layers, networks
from pgpipe.gan.config import TrainSection


def up(layer: layers.UpConv, x: Tensor, bias: Tensor | None) -> Tensor:
    """Each pixel four times, then a convolution with the kernel turned by half a turn."""
    large = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    return F.conv2d(large, layer.scaled().transpose(0, 1).flip(2, 3), bias, padding=1)


def down(layer: layers.DownConv, x: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution, then means of 2x2."""
    y = F.conv2d(x, layer.scaled(), bias, padding=1)
    rows = (y[..., ::2, :] + y[..., 1::2, :]) / 2
    return (rows[..., ::2] + rows[..., 1::2]) / 2


def picked(layer: layers.DownConv, x: Tensor, bias: Tensor | None) -> Tensor:
    """No plain form, but a wrong one: every other pixel instead of means of 2x2."""
    return F.conv2d(x, layer.scaled(), bias, padding=1)[..., ::2, ::2]


def average(nets: networks.Networks, decay: float) -> None:
    """The averages parameter by parameter."""
    for name, net in nets.averages.items():
        current = nets.trained[nets.averaged[name]].parameters()
        for mean, new in zip(net.parameters(), current, strict=True):
            mean.data = decay * mean.data + (1 - decay) * new.data


class PlainAdam(torch.optim.Optimizer):
    """Kingma and Ba 2015, algorithm 1."""

    def __init__(self, net: nn.Module, section: TrainSection, learning_rate: float) -> None:
        super().__init__(net.parameters(), {})
        self.rate, self.epsilon = learning_rate, section.adam_epsilon
        self.decays = section.adam_beta1, section.adam_beta2
        self.steps: dict[Tensor, int] = {}
        self.moments: dict[Tensor, tuple[Tensor, Tensor]] = {}

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move all parameters that have a gradient."""
        first, second = self.decays
        for p in self.param_groups[0]["params"]:
            if p.grad is not None:
                t = self.steps[p] = self.steps.get(p, 0) + 1
                m, v = self.moments.get(p, (torch.zeros_like(p), torch.zeros_like(p)))
                m, v = first * m + (1 - first) * p.grad, second * v + (1 - second) * p.grad**2
                self.moments[p] = m, v
                m, v = m / (1 - first**t), v / (1 - second**t)
                p -= self.rate * m / (v.sqrt() + self.epsilon)


def torchs_own(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Differentiated by autograd, as often as asked."""
    return F.conv2d(x, weight, bias, stride, padding)


# What is fast: where it stands, and what stands there instead.
INSTEAD: dict[str, tuple[object, str, object]] = {
    "fused upsampling": (layers.UpConv, "linear", up),
    "fused downsampling": (layers.DownConv, "linear", down),
    "penalty's derivative by the weights": (layers, "conv2d", torchs_own),
    "fused Adam": (networks, "adam", PlainAdam),
    "average of all at once": (networks.Networks, "update_averages", average),
}
