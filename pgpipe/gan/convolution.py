"""A convolution whose gradient with respect to the images is cheap to differentiate once more.

A penalty on that gradient has a derivative by the weights. Torch takes it as a convolution with a
kernel as large as the feature maps, 2 to 5 times as slow on a CPU as the usual weights' gradient,
which is the same sum: of the second derivative's maps with the first one's.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input, conv2d_weight

Gradients = tuple[Tensor | None, ...]

LARGE = 16  # pixels; on fewer, what Python adds to a call is more than what it saves


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """`F.conv2d`: [N, C, H, W] and [K, C, h, w] -> [N, K, H', W'].

    With `create_graph` it has a gradient by `x` alone, which is what penalties are of.
    """
    if x.shape[3] < LARGE or not (x.requires_grad and weight.requires_grad):
        return F.conv2d(x, weight, bias, stride, padding)
    y: Tensor = Convolution.apply(x, weight, bias, stride, padding)  # type: ignore[no-untyped-call]
    return y


class Convolution(torch.autograd.Function):
    """[N, C, H, W] and [K, C, h, w] -> [N, K, H', W']."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        """The result [N, K, H', W']."""
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Gradients:
        """Differentiate by the input; by weights and bias, too, if it is not done once more."""
        (g,), (x, weight), (stride, padding) = gradients, ctx.saved_tensors, ctx.geometry
        x, weight = x.to(g.dtype), weight.to(g.dtype)  # float32 to bfloat16 under autocast
        if torch.is_grad_enabled():
            by_x = InputGradient.apply(g, weight, x.shape, stride, padding)  # type: ignore[no-untyped-call]
            return by_x, None, None, None, None
        found = torch.ops.aten.convolution_backward.default(
            g, x, weight, [len(weight)], [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1,
            ctx.needs_input_grad[:3],
        )  # fmt: skip
        return *found, None, None


class InputGradient(torch.autograd.Function):
    """A convolution's gradient by its input: linear in the output's, and in the weights."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, weight: Tensor, shape: torch.Size, stride: int, padding: int
    ) -> Tensor:
        """[N, K, H', W'] and [K, C, h, w] -> `shape`, [N, C, H, W]."""
        ctx.save_for_backward(g, weight)
        ctx.geometry = stride, padding
        by_x: Tensor = conv2d_input(shape, weight, g, stride, padding)
        return by_x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Gradients:
        """Differentiate [N, C, H, W] by the output's gradient [N, K, H', W'] and the weights."""
        (of_x,), (g, weight) = gradients, ctx.saved_tensors
        by_g = F.conv2d(of_x, weight, None, *ctx.geometry)
        by_weight = conv2d_weight(of_x, weight.shape, g, *ctx.geometry)
        return by_g, by_weight, None, None, None
