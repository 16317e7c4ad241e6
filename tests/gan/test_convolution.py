"""The convolution of the discriminator: torch's own, whatever is differentiated, and how often."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pgpipe import rng
from pgpipe.gan.convolution import LARGE, conv2d

GEOMETRIES = [(3, 1, 1), (4, 2, 1), (1, 1, 0)]  # kernel, stride, padding


def normal(*shape: int) -> Tensor:
    """Numbers that a gradient is taken by."""
    return rng.normal(shape, rng.key(0, str(shape), 0)).double().requires_grad_()


@pytest.mark.parametrize(("kernel", "stride", "padding"), GEOMETRIES)
@pytest.mark.parametrize("side", [LARGE // 2, LARGE])
def test_a_penalty_and_a_score_have_torchs_gradients(
    side: int, kernel: int, stride: int, padding: int
) -> None:
    """The penalty on the gradient at the images, through a curved function of the result."""
    x, weight, bias = normal(2, 3, side, side), normal(4, 3, kernel, kernel), normal(4)

    def gradients(conv: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        score = conv(x, weight, bias, stride, padding).sigmoid().square().sum()
        (slope,) = torch.autograd.grad(score, x, create_graph=True)
        return torch.autograd.grad(score + slope.square().sum(), (x, weight, bias))

    for found, expected in zip(gradients(conv2d), gradients(F.conv2d), strict=True):
        torch.testing.assert_close(found, expected)


def test_weights_have_no_gradient_that_is_to_be_differentiated() -> None:
    """Asked for one, torch raises instead of leaving out what it depends on."""
    x, weight = normal(1, 2, LARGE, LARGE), normal(2, 2, 3, 3)
    y = conv2d(x, weight, None, 1, 1)
    with pytest.raises(RuntimeError, match="not have been used"):
        torch.autograd.grad(y.sum(), weight, create_graph=True)


@pytest.mark.parametrize(("kernel", "stride", "padding"), GEOMETRIES)
def test_under_autocast_gradients_are_those_of_bfloat16(
    kernel: int, stride: int, padding: int
) -> None:
    """Float32 gradients of a product in bfloat16, within its rounding."""
    x, weight = (
        normal(*shape).detach().float().requires_grad_()
        for shape in ((2, 3, LARGE, LARGE), (4, 3, kernel, kernel))
    )

    def gradients(conv: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        with torch.autocast("cpu", torch.bfloat16):
            score = conv(x, weight, None, stride, padding).float().square().mean()
            (slope,) = torch.autograd.grad(score, x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), (x, weight))

    for found, expected in zip(gradients(conv2d), gradients(F.conv2d), strict=True):
        assert found.dtype == torch.float32
        assert (found - expected).abs().max() < 0.02 * expected.abs().max()
