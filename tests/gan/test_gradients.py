"""Terms of D's gradients against closed forms, the paper's literal definition, differences."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from specs import network_spec
from tinynets import discriminator
from torch import Tensor

from pgpipe import rng
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.losses import gradients, wgan_gp


def draw(*shape: int, stream: str = "x") -> Tensor:
    return rng.normal(shape, rng.key(0, stream, 0))


def test_drift_is_the_mean_square() -> None:
    real = draw(9)
    assert wgan_gp.drift(real).item() == pytest.approx((real.numpy() ** 2).mean(), rel=1e-6)


def test_mixed_images_lie_on_the_segment_with_one_factor_a_sample() -> None:
    real, fake = draw(5, 3, 4, 4, stream="real"), draw(5, 3, 4, 4, stream="fake")
    factors = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])
    mixed = wgan_gp.interpolates(real, fake, factors)
    for i, factor in enumerate(factors.tolist()):
        expected = (1 - factor) * real[i] + factor * fake[i]
        torch.testing.assert_close(mixed[i], expected)
    assert mixed[0].equal(real[0])
    assert mixed[4].equal(fake[4])


def test_norm_of_a_linear_critic_is_the_norm_of_its_weights() -> None:
    w = draw(3, 8, 8, stream="w")
    norms = gradients.gradient_norms(lambda x: (x * w).sum(dim=(1, 2, 3)), draw(5, 3, 8, 8))
    torch.testing.assert_close(norms, w.norm().expand(5))


def test_norm_of_a_quadratic_critic_is_the_norm_of_each_image() -> None:
    x = draw(5, 3, 4, 4)
    norms = gradients.gradient_norms(lambda x: x.square().sum(dim=(1, 2, 3)) / 2, x)
    torch.testing.assert_close(norms, x.flatten(1).norm(dim=1))


def test_norms_leave_the_images_alone() -> None:
    x = draw(5, 3, 4, 4)
    gradients.gradient_norms(lambda x: x.square().sum(dim=(1, 2, 3)), x)
    assert not x.requires_grad
    assert x.grad is None


@pytest.mark.parametrize("target", [1.0, 750.0])
@pytest.mark.parametrize("upscale", [1.0, 2.0, 32.0])
def test_penalty_is_the_relative_distance_from_the_target_squared(
    target: float, upscale: float
) -> None:
    norms = draw(6).abs() * 100
    expected = ((norms.double().numpy() / upscale - target) ** 2).mean() / (target * target)
    penalty = wgan_gp.gradient_penalty(norms, target, upscale)
    assert penalty.item() == pytest.approx(expected, rel=1e-5)


def test_penalty_of_a_linear_critic_in_closed_form() -> None:
    w = draw(3, 4, 4, stream="w").requires_grad_()
    norms = gradients.gradient_norms(lambda x: (x * w).sum(dim=(1, 2, 3)), draw(5, 3, 4, 4))
    wgan_gp.gradient_penalty(norms, 2.0, 1.0).backward()
    size = w.detach().norm()
    assert w.grad is not None
    torch.testing.assert_close(w.grad, 2 * (size - 2) / 4 * w.detach() / size)


def test_penalty_vanishes_at_the_target() -> None:
    assert wgan_gp.gradient_penalty(torch.full((4,), 750.0), 750.0, 1.0).item() == 0
    assert wgan_gp.gradient_penalty(torch.full((4,), 8.0), 1.0, 8.0).item() == 0


def test_a_critic_without_slope_is_penalised_and_keeps_finite_derivatives() -> None:
    w = torch.zeros(3, 4, 4, requires_grad=True)
    norms = gradients.gradient_norms(lambda x: (x * w).sum(dim=(1, 2, 3)), draw(5, 3, 4, 4))
    penalty = wgan_gp.gradient_penalty(norms, 1.0, 1.0)
    assert penalty.item() == pytest.approx(1)
    penalty.backward()
    assert w.grad is not None
    assert w.grad.isfinite().all()


def enlarged(images: Tensor, k: int) -> Tensor:
    """Nearest neighbour to k times the size."""
    return images.repeat_interleave(k, 2).repeat_interleave(k, 3)


def literal_full_penalty(
    net: Discriminator, images: Tensor, fade: Tensor | None, k: int, target: float
) -> Tensor:
    """The penalty of a D that takes full-size images, over full-size pixels."""
    full = enlarged(images, k).requires_grad_()
    scores, _ = net(F.avg_pool2d(full, k), fade)
    (gradient,) = torch.autograd.grad(scores.sum(), full, create_graph=True)
    norms: Tensor = gradient.flatten(1).norm(dim=1)
    return (norms - target).square().mean() / (target * target)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("stddev", [True, 2, False])
@pytest.mark.parametrize("fade", [None, 0.3])
@pytest.mark.parametrize("k", [1, 2, 8])
def test_full_is_the_norm_over_the_pixels_of_the_enlarged_image(
    k: int, fade: float | None, stddev: bool | int
) -> None:
    net = discriminator(network_spec(minibatch_stddev=stddev), 8)
    images, weight = draw(4, 3, 8, 8), None if fade is None else torch.tensor(fade)
    norms = gradients.gradient_norms(lambda x: net(x, weight)[0], images)
    ours = wgan_gp.gradient_penalty(norms, 0.7, float(k))
    theirs = literal_full_penalty(net, images, weight, k, 0.7)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=0)

    used = [p for p in net.parameters() if p.requires_grad]
    a = torch.autograd.grad(ours, used, allow_unused=True)
    b = torch.autograd.grad(theirs, used, allow_unused=True)
    for left, right in zip(a, b, strict=True):
        assert (left is None) == (right is None)
        if left is not None:
            torch.testing.assert_close(left, right, rtol=1e-7, atol=1e-10)


def penalty_of(net: Discriminator, images: Tensor) -> Callable[..., Tensor]:
    """The penalty as a function of D's weights."""
    names = [name for name, _ in net.named_parameters()]
    more = (
        (torch.tensor(0.4), torch.arange(len(images)) % net.spec.classes)
        if net.spec.classes
        else (torch.tensor(0.4),)
    )

    def penalty(*values: Tensor) -> Tensor:
        named = dict(zip(names, values, strict=True))
        norms = gradients.gradient_norms(
            lambda x: torch.func.functional_call(net, named, (x, *more))[0], images
        )
        return wgan_gp.gradient_penalty(norms, 1.0, 2.0)

    return penalty


@pytest.mark.slow
@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fused_downsampling": True},
        {"discriminator_norm": "layer", "equalised_lr": False},
        {"minibatch_discrimination": 2, "minibatch_stddev": False},
        {"classes": 2, "conditioning": "projection"},
        {"classes": 2, "conditioning": "joint"},
    ],
)
def test_penaltys_gradient_equals_finite_differences(changes: dict[str, Any]) -> None:
    net = discriminator(network_spec(fmap_max=2, channels=1, **changes), 8)
    values = [p.detach().clone().requires_grad_() for p in net.parameters()]
    assert torch.autograd.gradcheck(penalty_of(net, draw(3, 1, 8, 8)), values)


# Zero-centred penalties


@pytest.mark.parametrize(("gamma", "upscale"), [(1.0, 1.0), (10.0, 1.0), (0.5, 4.0)])
def test_r1_of_a_quadratic_critic(gamma: float, upscale: float) -> None:
    """f = sum a x^2 / 2 has the gradient a x."""
    a, x = draw(3, 4, 4, stream="a"), draw(5, 3, 4, 4)
    norms = gradients.gradient_norms(lambda x: (a * x * x).sum(dim=(1, 2, 3)) / 2, x)
    squares = ((a * x).double().numpy() ** 2).sum(axis=(1, 2, 3))
    expected = gamma / 2 * squares.mean() / upscale**2
    penalty = gradients.zero_centred_penalty(norms, gamma, upscale)
    assert penalty.item() == pytest.approx(expected, rel=1e-5)


def test_r1_of_a_flat_critic_is_0_with_a_derivative_of_0() -> None:
    w = torch.zeros(3, 4, 4, requires_grad=True)
    norms = gradients.gradient_norms(lambda x: (x * w).sum(dim=(1, 2, 3)), draw(5, 3, 4, 4))
    penalty = gradients.zero_centred_penalty(norms, 10.0, 1.0)
    assert penalty.item() == pytest.approx(0, abs=1e-12)
    penalty.backward()
    assert w.grad is not None
    assert w.grad.eq(0).all()


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("k", [1, 4])
def test_full_r1_is_that_of_the_enlarged_image(k: int) -> None:
    net, images = discriminator(network_spec(), 8), draw(4, 3, 8, 8)
    norms = gradients.gradient_norms(lambda x: net(x)[0], images)
    full = enlarged(images, k).requires_grad_()
    (gradient,) = torch.autograd.grad(net(F.avg_pool2d(full, k))[0].sum(), full)
    expected = 3 / 2 * gradient.square().sum(dim=(1, 2, 3)).mean()
    torch.testing.assert_close(gradients.zero_centred_penalty(norms, 3.0, float(k)), expected)
