"""What a step draws, and what of the losses it computes: no switch that is off costs anything."""

import collections
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from specs import train_section
from tinynets import pictures
from tinytraining import minibatch, networks
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from pgpipe.gan.config import TrainSection
from pgpipe.gan.step import Step, faded
from pgpipe.images import to_float


def step_of(train: TrainSection, **model: Any) -> Step:
    return Step(networks(train, **model), train)


# Draws


def test_fakes_change_with_the_images_seen_and_between_the_two_networks_steps() -> None:
    made = step_of(train_section())
    fakes = [
        made.fakes(minibatch(seen), stream, None)
        for seen in (0, 8)
        for stream in ("latents d", "latents g")
    ]
    for i, ours in enumerate(fakes):
        assert not any((ours == theirs).any() for theirs in fakes[i + 1 :])


def test_mirror_flips_about_half_of_the_images_and_nothing_else() -> None:
    batch = minibatch(N=4000)
    images, out = to_float(batch.images), step_of(train_section(mirror=True)).reals(batch)
    flipped = torch.tensor([a.equal(b) for a, b in zip(out, images.flip(3), strict=True)])
    kept = torch.tensor([a.equal(b) for a, b in zip(out, images, strict=True)])
    assert (flipped ^ kept).all()
    assert abs(flipped.sum().item() - 2000) < 4 * 4000**0.5 / 2


def test_mirror_draws_anew_each_step() -> None:
    made, batch = step_of(train_section(mirror=True)), minibatch(0)
    assert not made.reals(batch).equal(made.reals(replace(batch, seen=torch.tensor(8))))
    assert made.reals(batch).equal(made.reals(batch))


def test_without_mirror_and_fade_reals_are_the_images() -> None:
    batch = minibatch()
    pixels = batch.images.double().numpy().transpose(0, 3, 1, 2) / 127.5 - 1
    reals = step_of(train_section()).reals(batch)
    np.testing.assert_allclose(reals, pixels, atol=1e-6)


@pytest.mark.parametrize("fade", [0.0, 0.25, 1.0])
def test_reals_fade_from_their_2x2_means(fade: float) -> None:
    images = pictures(4, 8)
    x = images.double().numpy()
    means = x.reshape(4, 3, 4, 2, 4, 2).mean(axis=(3, 5)).repeat(2, 2).repeat(2, 3)
    out = faded(images, torch.tensor(fade))
    np.testing.assert_allclose(out, (1 - fade) * means + fade * x, rtol=1e-5, atol=1e-6)


# Labels


@pytest.mark.parametrize("kind", ["acgan", "matching", "joint"])
def test_labels_add_their_loss_with_its_weight(kind: str) -> None:
    losses = []
    for weight in (0.0, 1.0, 3.0):
        train = train_section(label_conditioning=kind, label_weight=weight, loss="non-saturating")
        losses.append(Step(networks(train, classes=3), train).update_discriminator(minibatch(0, 3)))
    of_labels = losses[1][4]
    assert of_labels > 0.5
    torch.testing.assert_close(losses[1][0] - losses[0][0], of_labels, rtol=1e-4, atol=0)
    torch.testing.assert_close(losses[2][0] - losses[0][0], 3 * of_labels, rtol=1e-4, atol=0)


@pytest.mark.parametrize("kind", ["acgan", "matching", "projection", "joint"])
def test_generators_loss_takes_the_labels_drawn_for_it(kind: str) -> None:
    train = train_section(label_conditioning=kind, loss="non-saturating")
    plain = minibatch(0, 3)
    assert plain.labels_g is not None
    other = replace(plain, labels_g=(plain.labels_g + 1) % 3)
    losses = [Step(networks(train, classes=3), train).update_generator(b) for b in (plain, other)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("classes", [2, 5])
def test_wrong_labels_are_any_but_the_right_ones(classes: int) -> None:
    made = step_of(train_section(label_conditioning="matching"), classes=classes)
    counts = torch.zeros(classes, classes)
    draws = 400
    for seen in range(0, 8 * draws, 8):
        batch = minibatch(seen, classes)
        assert batch.labels is not None
        wrong = made.wrong(batch, batch.labels)
        counts.index_put_((batch.labels, wrong), torch.ones(8), accumulate=True)
    assert counts.diagonal().eq(0).all()
    shares = counts / counts.sum(dim=1, keepdim=True)
    others = shares[~torch.eye(classes, dtype=torch.bool)]
    error = 4.5 / (counts.sum(dim=1).min().item()) ** 0.5 / 2
    torch.testing.assert_close(
        others, torch.full_like(others, 1 / (classes - 1)), rtol=0, atol=error
    )


# The penalty's resolution, the noise


@pytest.mark.parametrize(
    ("at", "resolution", "upscale"),
    [("full", 4, 8.0), ("full", 32, 1.0), ("native", 4, 1.0), ("full", 64, 1.0)],
)
def test_upscale_is_full_by_current_resolution(at: str, resolution: int, upscale: float) -> None:
    assert train_section(gradient_at=at).upscale(resolution) == upscale


@pytest.mark.parametrize(("running", "noisy"), [(0.0, False), (0.5, False), (0.9, True)])
def test_noise_begins_where_the_running_fake_score_exceeds_a_half(
    running: float, noisy: bool
) -> None:
    made = step_of(train_section(loss="lsgan"))
    made.networks.fake_score = torch.tensor(running)
    clean = made.D(pictures(4, 8))[0]
    some = pictures(4, 8)
    scores = [made.scored(minibatch(), some, stream, None)[0] for stream in ("real", "fake")]
    assert all(found.equal(clean) != noisy for found in scores)
    assert scores[0].equal(scores[1]) != noisy


# No switch that is off costs anything


class Count(TorchDispatchMode):
    """Counts the operations that reach the device, by name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: collections.Counter[str] = collections.Counter()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        self.calls[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def operations(changes: dict[str, Any]) -> collections.Counter[str]:
    """Of one step without labels in a stable phase."""
    train = train_section(**changes)
    nets = networks(train)
    step, batches = Step(nets, train), [minibatch(8 * n) for n in range(train.discriminator_steps)]
    count = Count()
    with count:
        step(batches)
    return count.calls


def test_default_step_has_no_operation_of_a_switch_that_is_off() -> None:
    calls = operations({})
    switched = {
        "flip": "mirror",
        "upsample_nearest2d": "a fade",
        "lerp": "a fade, or the running score of least squares",
        "softplus": "other objectives, matching labels",
        "_log_softmax": "classified labels",
        "gather": "matching labels",
        "native_batch_norm": "batch normalisation",
        "native_layer_norm": "layer normalisation",
        "exp": "minibatch discrimination",
        "tanh": "tanh",
    }
    assert {name for name in calls if name in switched} == {"lerp"}
    assert calls["lerp"] == 1  # the penalty's points between reals and fakes


def test_default_step_draws_latents_twice_and_mixing_factors_once() -> None:
    calls = operations({})
    assert calls["cos"] == 2  # one for each draw of normal numbers: no noise
    assert calls["arange"] == 3  # one for each draw


@pytest.mark.parametrize(
    ("loss", "passes"),
    [
        ("wgan-gp", 4),  # reals, fakes, points between them; G's fakes
        *[(loss, 3) for loss in ("minimax", "non-saturating", "hinge")],
        ("lsgan", 3),  # reals and fakes, each with noise of its own; G's fakes
        ("r1", 4),  # the gradient at reals
        ("relativistic", 6),  # at reals and fakes; G's fakes and the reals that they are beside
    ],
)
def test_networks_run_as_often_as_the_objective_asks(loss: str, passes: int) -> None:
    train = train_section(loss=loss)
    nets = networks(train)
    runs: list[nn.Module] = []
    for net in (nets.generator, nets.discriminator, nets.average):
        net.register_forward_hook(lambda net, *_: runs.append(net))
    Step(nets, train)([minibatch()])
    counted = [runs.count(net) for net in (nets.generator, nets.discriminator, nets.average)]
    assert counted == [2, passes, 0]


@pytest.mark.parametrize("switch", ["r1_gamma", "r2_gamma"])
def test_zero_centred_penalties_are_not_evaluated_by_other_objectives(switch: str) -> None:
    for loss in ("wgan-gp", "hinge", "non-saturating", "minimax", "lsgan"):
        on, off = ({"loss": loss, switch: gamma} for gamma in (9.0, 0.0))
        assert operations(on) == operations(off)


def test_gradients_of_images_are_asked_for_by_their_objectives_alone() -> None:
    plain, one, two = (
        operations({"loss": loss})["convolution_backward"]
        for loss in ("non-saturating", "r1", "relativistic")
    )
    assert plain < one < two
    assert operations({"loss": "hinge"})["convolution_backward"] == plain


def test_a_step_of_several_costs_its_discriminator_steps_alone() -> None:
    one, two, three = (operations({"discriminator_steps": n})["cos"] for n in (1, 2, 3))
    assert (one, two, three) == (2, 3, 4)  # draws of latents


def test_updates_at_once_draw_their_fakes_once() -> None:
    assert operations({"updates": "simultaneous"})["cos"] == 1
