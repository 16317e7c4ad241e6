"""The objective, term by term, against numpy, closed forms and the paper's literal definition."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pgpipe import losses, rng
from pgpipe.nets import weights
from pgpipe.nets.config import NetworkSpec
from pgpipe.nets.discriminator import Discriminator


def draw(*shape: int, stream: str = "x") -> Tensor:
    return rng.normal(shape, rng.key(0, stream, 0))


def critic(resolution: int, **changes: Any) -> Discriminator:
    sizes = {"fmap_base": 32, "fmap_max": 6, "latent_size": 5, "fused_downsampling": False}
    rest = {"channels": 3, "classes": 0, "minibatch_stddev": True}
    spec = NetworkSpec(**{**sizes, **rest, **changes})
    net = Discriminator(spec, resolution)
    weights.load(net, weights.initial(spec, resolution, 0), "discriminator")
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            parameter.data = 0.3 * rng.normal(tuple(parameter.shape), rng.key(0, name, 1))
    return net


def test_wasserstein_of_the_discriminator_is_mean_fake_less_mean_real() -> None:
    real, fake = draw(9, stream="real"), draw(7, stream="fake")
    expected = fake.numpy().mean() - real.numpy().mean()
    assert losses.wasserstein_discriminator(real, fake).item() == pytest.approx(expected, rel=1e-6)


def test_wasserstein_of_the_generator_is_minus_mean_fake() -> None:
    fake = draw(7)
    assert losses.wasserstein_generator(fake).item() == pytest.approx(-fake.numpy().mean())


def test_drift_is_the_mean_square() -> None:
    real = draw(9)
    assert losses.drift(real).item() == pytest.approx((real.numpy() ** 2).mean(), rel=1e-6)


def test_discriminator_gains_from_higher_reals_and_generator_from_higher_fakes() -> None:
    real, fake = draw(4, stream="r").requires_grad_(), draw(4, stream="f").requires_grad_()
    losses.wasserstein_discriminator(real, fake).backward()
    assert real.grad is not None
    assert real.grad.tolist() == [-0.25] * 4
    assert fake.grad is not None
    assert fake.grad.tolist() == [0.25] * 4


def test_label_loss_is_the_cross_entropy() -> None:
    logits, labels = draw(6, 4), torch.tensor([0, 3, 1, 1, 2, 0])
    odds = np.exp(logits.double().numpy())
    picked = odds[np.arange(6), labels.numpy()] / odds.sum(axis=1)
    assert losses.label_loss(logits, labels).item() == pytest.approx(-np.log(picked).mean())


def test_label_loss_of_no_idea_is_the_log_of_the_classes() -> None:
    loss = losses.label_loss(torch.zeros(3, 10), torch.tensor([0, 5, 9]))
    assert loss.item() == pytest.approx(math.log(10))


def test_mixed_images_lie_on_the_segment_with_one_factor_a_sample() -> None:
    real, fake = draw(5, 3, 4, 4, stream="real"), draw(5, 3, 4, 4, stream="fake")
    factors = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])
    mixed = losses.mixed_images(real, fake, factors)
    for i, factor in enumerate(factors.tolist()):
        expected = (1 - factor) * real[i] + factor * fake[i]
        torch.testing.assert_close(mixed[i], expected)
    assert mixed[0].equal(real[0])
    assert mixed[4].equal(fake[4])


def test_norm_of_a_linear_critic_is_the_norm_of_its_weights() -> None:
    w = draw(3, 8, 8, stream="w")
    norms = losses.gradient_norms(lambda x: (x * w).sum(dim=(1, 2, 3)), draw(5, 3, 8, 8))
    torch.testing.assert_close(norms, w.norm().expand(5))


def test_norm_of_a_quadratic_critic_is_the_norm_of_each_image() -> None:
    x = draw(5, 3, 4, 4)
    norms = losses.gradient_norms(lambda x: x.square().sum(dim=(1, 2, 3)) / 2, x)
    torch.testing.assert_close(norms, x.flatten(1).norm(dim=1))


def test_norms_leave_the_images_alone() -> None:
    x = draw(5, 3, 4, 4)
    losses.gradient_norms(lambda x: x.square().sum(dim=(1, 2, 3)), x)
    assert not x.requires_grad
    assert x.grad is None


@pytest.mark.parametrize("target", [1.0, 750.0])
@pytest.mark.parametrize("upscale", [1.0, 2.0, 32.0])
def test_penalty_is_the_relative_distance_from_the_target_squared(
    target: float, upscale: float
) -> None:
    norms = draw(6).abs() * 100
    expected = ((norms.double().numpy() / upscale - target) ** 2).mean() / (target * target)
    penalty = losses.gradient_penalty(norms, target, upscale)
    assert penalty.item() == pytest.approx(expected, rel=1e-5)


def test_penalty_of_a_linear_critic_in_closed_form() -> None:
    w = draw(3, 4, 4, stream="w").requires_grad_()
    norms = losses.gradient_norms(lambda x: (x * w).sum(dim=(1, 2, 3)), draw(5, 3, 4, 4))
    losses.gradient_penalty(norms, 2.0, 1.0).backward()
    size = w.detach().norm()
    assert w.grad is not None
    torch.testing.assert_close(w.grad, 2 * (size - 2) / 4 * w.detach() / size)


def test_penalty_vanishes_at_the_target() -> None:
    assert losses.gradient_penalty(torch.full((4,), 750.0), 750.0, 1.0).item() == 0
    assert losses.gradient_penalty(torch.full((4,), 8.0), 1.0, 8.0).item() == 0


def test_a_critic_without_slope_is_penalised_and_keeps_finite_derivatives() -> None:
    w = torch.zeros(3, 4, 4, requires_grad=True)
    norms = losses.gradient_norms(lambda x: (x * w).sum(dim=(1, 2, 3)), draw(5, 3, 4, 4))
    penalty = losses.gradient_penalty(norms, 1.0, 1.0)
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
    net = critic(8, minibatch_stddev=stddev)
    images, weight = draw(4, 3, 8, 8), None if fade is None else torch.tensor(fade)
    norms = losses.gradient_norms(lambda x: net(x, weight)[0], images)
    ours = losses.gradient_penalty(norms, 0.7, float(k))
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

    def penalty(*values: Tensor) -> Tensor:
        named = dict(zip(names, values, strict=True))
        norms = losses.gradient_norms(
            lambda x: torch.func.functional_call(net, named, (x, torch.tensor(0.4)))[0], images
        )
        return losses.gradient_penalty(norms, 1.0, 2.0)

    return penalty


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("fused", [False, True])
def test_penaltys_gradient_equals_finite_differences(fused: bool) -> None:
    net = critic(8, fmap_max=2, channels=1, fused_downsampling=fused)
    values = [p.detach().clone().requires_grad_() for p in net.parameters()]
    assert torch.autograd.gradcheck(penalty_of(net, draw(3, 1, 8, 8)), values)
