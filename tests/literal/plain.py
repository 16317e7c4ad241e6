"""What makes the training step fast, each in its plain form."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from pgpipe.gan import layers, networks
from pgpipe.optimisers import Optimiser


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


class PlainAdam(Optimiser):
    """Kingma and Ba 2015, algorithm 1."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        rate: Tensor,
        betas: tuple[float, float],
        epsilon: float,
        fused: bool,
    ) -> None:
        super().__init__(parameters, float(rate))
        self.decays, self.epsilon = betas, epsilon
        self.steps: dict[Tensor, int] = {}
        self.means: dict[Tensor, tuple[Tensor, Tensor]] = {}

    def move(self, parameters: list[Tensor], gradients: list[Tensor]) -> None:
        """Move them one by one."""
        first, second = self.decays
        for p, gradient in zip(parameters, gradients, strict=True):
            t = self.steps[p] = self.steps.get(p, 0) + 1
            m, v = self.means.get(p, (torch.zeros_like(p), torch.zeros_like(p)))
            m, v = first * m + (1 - first) * gradient, second * v + (1 - second) * gradient**2
            self.means[p] = m, v
            m, v = m / (1 - first**t), v / (1 - second**t)
            p -= self.learning_rate * m / (v.sqrt() + self.epsilon)


def torchs_own(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Differentiated by autograd, as often as asked."""
    return F.conv2d(x, weight, bias, stride, padding)


# What is fast: where it stands, and what stands there instead.
INSTEAD: dict[str, tuple[object, str, object]] = {
    "fused upsampling": (layers.UpConv, "linear", up),
    "fused downsampling": (layers.DownConv, "linear", down),
    "penalty's derivative by the weights": (layers, "conv2d", torchs_own),
    "fused Adam": (networks, "Adam", PlainAdam),
    "average of all at once": (networks.Networks, "update_averages", average),
}
