"""One step of training against a twin written out from the paper's formulas; the average of G."""

from typing import Any

import numpy as np
import pytest
import torch
from literal.step import Twin
from specs import DCGAN, MLP, ROW_A, train_section
from tinytraining import minibatch, networks
from torch import Tensor
from torch.nn import functional

from pgpipe.gan import weights
from pgpipe.gan.config import TrainSection
from pgpipe.gan.networks import Networks, load_moments, tensors_of
from pgpipe.gan.step import Step
from pgpipe.gan.systems import STATISTICS

LEARNING_RATE = 0.003  # of specs.TRAIN
WEAK: dict[str, Any] = {"name": "weak", "fused_downsampling": False}
LOSSES = ("minimax", "non-saturating", "lsgan", "hinge", "r1", "relativistic")

Case = tuple[dict[str, Any], dict[str, Any], float | None]  # train, model, fade

CASES: list[Case] = [
    ({}, {}, None),
    ({}, {}, 0.3),
    ({"channels_last": True}, {}, 0.7),
    ({"gradient_at": "native", "gradient_target": 750.0}, {}, None),
    ({"minibatch_stddev": 4, "mirror": True}, {}, 0.0),
    ({"minibatch_stddev": False, "adam_beta1": 0.5, "drift": 0.1}, {}, None),
    ({"label_conditioning": "acgan", "label_weight": 0.7, "mirror": True}, {"classes": 3}, 0.5),
    ({"label_conditioning": "matching", "label_weight": 0.7}, {"classes": 3}, 0.5),
    ({"label_conditioning": "matching", "updates": "simultaneous"}, {"classes": 2}, None),
    ({"label_conditioning": "projection", "mirror": True}, {"classes": 3}, 0.5),
    ({"label_conditioning": "projection", "loss": "relativistic"}, {"classes": 3}, None),
    ({"label_conditioning": "projection", "loss": "hinge"}, {**WEAK, "classes": 3}, 0.5),
    ({"label_conditioning": "joint", "loss": "r1", "label_weight": 0.7}, {"classes": 3}, 0.5),
    (
        {"label_conditioning": "joint", "loss": "minimax", "updates": "simultaneous"},
        {"classes": 2, "minibatch_discrimination": 3},
        None,
    ),
    (
        {
            "minibatch_stddev": 2,
            "minibatch_per_device": 2,
            "label_conditioning": "joint",
            "loss": "non-saturating",
        },
        {"classes": 3},
        None,
    ),
    *[({"loss": loss, "r1_gamma": 3.0, "r2_gamma": 2.0}, {}, None) for loss in LOSSES],
    ({"loss": "relativistic", "mirror": True, "gradient_at": "native"}, {}, 0.4),
    ({"loss": "lsgan", "updates": "simultaneous"}, {"fused_downsampling": True}, 0.4),
    ({"discriminator_steps": 3}, {}, 0.3),
    ({"discriminator_steps": 3, "loss": "lsgan", "mirror": True}, {}, None),
    ({"updates": "simultaneous"}, {}, 0.3),
    ({"updates": "simultaneous"}, {"equalised_lr": False, "generator_norm": "none"}, None),
    ({"discriminator_steps": 2, "minibatch_stddev": False}, ROW_A, 0.6),
    ({"minibatch_stddev": False}, {"minibatch_discrimination": 3}, None),
    ({"minibatch_stddev": 2, "minibatch_per_device": 2, "mirror": True}, {}, 0.3),
    ({"minibatch_stddev": 4, "minibatch_per_device": 4, "loss": "lsgan"}, {}, None),
    ({"minibatch_stddev": False, "minibatch_per_device": 3, "loss": "relativistic"}, {}, None),
    (
        {
            "minibatch_stddev": 2,
            "minibatch_per_device": 5,
            "updates": "simultaneous",
            "label_conditioning": "matching",
        },
        {"classes": 3},
        0.6,
    ),
    (
        {
            "minibatch_stddev": 4,
            "minibatch_per_device": 4,
            "discriminator_steps": 2,
            "label_conditioning": "acgan",
        },
        {"classes": 3},
        None,
    ),
    ({"minibatch_stddev": False, "loss": "non-saturating"}, {**DCGAN, "fmap_max": 4}, None),
    ({"optimiser": "sgd"}, {"latents": "uniform", "generator_norm": "response"}, 0.4),
    (
        {
            "minibatch_stddev": False,
            "loss": "non-saturating",
            "optimiser": "sgd",
            "discriminator_steps": 2,
            "minibatch_per_device": 4,
        },
        {**MLP, "fmap_max": 4},
        None,
    ),
    (
        {"minibatch_stddev": False, "loss": "minimax", "label_conditioning": "acgan"},
        {**MLP, "classes": 3},
        None,
    ),
]


def start(train: TrainSection, **model: Any) -> Networks:
    """Networks in the middle of a training: a discriminator so sure that it hears noise."""
    nets = networks(train, **model)
    if nets.fake_score is not None:
        nets.fake_score.fill_(0.9)
    return nets


@pytest.mark.slow
@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(("changes", "model", "fade"), CASES)
def test_three_steps_equal_the_formulas_written_out(
    changes: dict[str, Any], model: dict[str, Any], fade: float | None
) -> None:
    train = train_section(**changes)
    nets = start(train, **model)
    step, twin = Step(nets, train), Twin(nets, train)
    images = 8 * train.discriminator_steps
    for first in range(0, 3 * images, images):
        batches = [
            minibatch(seen, nets.generator.spec.classes, fade)
            for seen in range(first, first + images, 8)
        ]
        np.testing.assert_allclose(step(batches), twin(batches), rtol=1e-6)
    for net, other in (
        (nets.generator, twin.G),
        (nets.discriminator, twin.D),
        (nets.average, twin.average),
    ):
        for a, b in zip(net.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)
    if nets.fake_score is not None:
        assert nets.fake_score.item() == pytest.approx(twin.running, rel=1e-9)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_step_in_float32_equals_the_formulas_written_out(channels_last: bool) -> None:
    train = train_section(channels_last=channels_last)
    nets = networks(train)
    step, twin = Step(nets, train), Twin(nets, train)
    np.testing.assert_allclose(step([minibatch()]), twin([minibatch()]), rtol=1e-4)
    for net, other in ((nets.generator, twin.G), (nets.discriminator, twin.D)):
        for a, b in zip(net.parameters(), other.parameters(), strict=True):
            # the first step of Adam is as long as the learning rate, whatever the gradient
            torch.testing.assert_close(a, b, rtol=0, atol=0.01 * LEARNING_RATE)


def test_figures_are_named() -> None:
    train = train_section()
    assert Step(networks(train), train)([minibatch()]).shape == (len(STATISTICS),)


def test_discriminators_figures_are_means_of_its_steps_and_the_generators_that_of_its_own() -> None:
    train = train_section(discriminator_steps=2)
    nets = networks(train)
    nets.set_learning_rate(0.0)
    step, batches = Step(nets, train), [minibatch(0), minibatch(8)]
    alone = torch.stack([step([batch]) for batch in batches])
    together = step(batches)
    torch.testing.assert_close(together[1:], alone[:, 1:].mean(dim=0))
    torch.testing.assert_close(together[0], alone[1, 0])


def test_updates_at_once_do_not_see_each_other() -> None:
    """D moves as if alone, and G as it would have before D moved."""
    train = train_section(updates="simultaneous")
    both, only_d, only_g = (networks(train) for _ in range(3))
    Step(both, train)([minibatch()])
    Step(only_d, train_section()).update_discriminator(minibatch())
    only_g.optimisers["discriminator"].learning_rate = torch.zeros(())
    Step(only_g, train)([minibatch()])
    for ours, theirs in (
        (both.discriminator, only_d.discriminator),
        (both.generator, only_g.generator),
    ):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def test_a_step_depends_on_nothing_but_its_minibatch() -> None:
    train = train_section(mirror=True)
    ends = []
    for noise in (0, 1):
        torch.manual_seed(noise)
        nets = networks(train)
        Step(nets, train)([minibatch(64, fade=0.5)])
        ends.append(tensors_of(nets))
    assert all(value.equal(ends[1][name]) for name, value in ends[0].items())


def test_generator_step_leaves_the_discriminator_alone() -> None:
    train = train_section()
    nets = networks(train)
    before = {n: p.clone() for n, p in nets.discriminator.named_parameters()}
    Step(nets, train).update_generator(minibatch())
    for name, parameter in nets.discriminator.named_parameters():
        assert parameter.equal(before[name])
        assert parameter.grad is None
        assert parameter.requires_grad


def test_discriminator_step_leaves_the_generator_alone() -> None:
    train = train_section()
    nets = networks(train)
    before = {n: p.clone() for n, p in nets.generator.named_parameters()}
    Step(nets, train).update_discriminator(minibatch())
    for name, parameter in nets.generator.named_parameters():
        assert parameter.equal(before[name])
        assert parameter.grad is None


def test_decay_of_the_paper_is_a_half_life_of_11_08_kimg_at_minibatch_16() -> None:
    assert train_section(ema_half_life_kimg=11.08).ema_decay(16) == pytest.approx(0.999, abs=1e-6)


def test_half_life_does_not_depend_on_the_minibatch() -> None:
    train = train_section(ema_half_life_kimg=11.08)
    for images in (1, 3, 64, 512):
        assert train.ema_decay(images) == pytest.approx(train.ema_decay(1) ** images, rel=1e-12)


@pytest.mark.parametrize("images", [5, 25])
def test_after_a_half_life_half_the_distance_is_left(images: int) -> None:
    train = train_section(ema_half_life_kimg=0.5)
    nets = networks(train, resolution=4)
    for parameter in nets.generator.parameters():
        parameter.data.fill_(3.0)
    for parameter in nets.average.parameters():
        parameter.data.fill_(1.0)
    for _ in range(500 // images):
        nets.update_averages(train.ema_decay(images))
    for parameter in nets.average.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, 2.0), rtol=1e-5, atol=0)


@pytest.mark.parametrize("count", [1, 5])
def test_images_of_all_discriminator_steps_count_for_the_half_life(count: int) -> None:
    """Of a generator that stands still half the distance is left after 120 images."""
    train = train_section(ema_half_life_kimg=0.12, discriminator_steps=count)
    nets = networks(train)
    nets.set_learning_rate(0.0)
    step, before = Step(nets, train), [p.clone() for p in nets.average.parameters()]
    for first in range(0, 120, 8 * count):
        step([minibatch(seen) for seen in range(first, first + 8 * count, 8)])
    after = zip(before, nets.average.parameters(), nets.generator.parameters(), strict=True)
    for old, mean, goal in after:
        torch.testing.assert_close(mean, (old + goal.detach()) / 2, rtol=1e-4, atol=1e-5)


def test_average_moves_all_layers_those_that_a_step_does_not_train_included() -> None:
    train = train_section()
    nets = networks(train)
    before = {n: p.clone() for n, p in nets.average.named_parameters()}
    Step(nets, train)([minibatch()])
    moved = {n for n, p in nets.average.named_parameters() if not p.equal(before[n])}
    drawn = {n for n, p in nets.average.named_parameters() if n.endswith("weight")}
    assert "to_rgb.4.weight" in moved  # without a fade it has no gradient
    assert drawn <= moved


def test_average_has_no_gradient() -> None:
    train = train_section()
    nets = networks(train)
    Step(nets, train)([minibatch()])
    assert not any(p.requires_grad or p.grad is not None for p in nets.average.parameters())


@pytest.mark.parametrize("stddev", [False, True, 2, 4, 16])
def test_every_kind_of_minibatch_stddev_trains(stddev: bool | int) -> None:
    train = train_section(minibatch_stddev=stddev)
    assert Step(networks(train), train)([minibatch()]).isfinite().all()


def test_moments_survive_being_saved_and_loaded() -> None:
    train = train_section(channels_last=True)
    nets = networks(train)
    step = Step(nets, train)
    for seen in (0, 8):
        step([minibatch(seen)])
    saved = {name: value.clone() for name, value in tensors_of(nets).items()}
    copied = networks(train)
    load_moments(copied, saved)
    for net, source in (
        (copied.generator, "generator"),
        (copied.discriminator, "discriminator"),
        (copied.average, "average"),
    ):
        weights.load(net, saved, source)
    for each in (step, Step(copied, train)):
        each([minibatch(16)])
    ours, theirs = tensors_of(nets), tensors_of(copied)
    assert ours.keys() == theirs.keys()
    assert all(value.equal(theirs[name]) for name, value in ours.items())


def gradients(train: TrainSection) -> dict[str, Tensor]:
    """G's and D's gradients of a first step, by name; none where a weight has none."""
    nets = networks(train)
    Step(nets, train)([minibatch(fade=0.5)])
    return {
        f"{kind}.{name}": parameter.grad.float().flatten()
        for kind, net in (("generator", nets.generator), ("discriminator", nets.discriminator))
        for name, parameter in net.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize(
    ("model", "loss", "fades"),
    [
        ({}, "wgan-gp", True),
        (ROW_A, "relativistic", True),
        ({"minibatch_discrimination": 3}, "lsgan", True),
        ({"classes": 3, "conditioning": "joint"}, "r1", True),
        ({"classes": 3, "conditioning": "projection"}, "wgan-gp", True),
        ({"name": "weak", "discriminator_norm": "batch"}, "r1", True),
        (DCGAN, "non-saturating", False),
    ],
)
def test_bfloat16_stays_finite(model: dict[str, Any], loss: str, fades: bool) -> None:
    train = train_section(precision="bf16", loss=loss)
    nets = start(train, **model)
    step = Step(nets, train)
    for seen in range(0, 80, 8):
        fade = seen / 80 if fades else None
        assert step([minibatch(seen, model.get("classes", 0), fade)]).isfinite().all()
    assert all(value.isfinite().all() for value in tensors_of(nets).values())


def test_bfloat16_keeps_weights_and_moments_in_float32() -> None:
    train = train_section(precision="bf16")
    nets = networks(train)
    Step(nets, train)([minibatch()])
    assert {value.dtype for value in tensors_of(nets).values()} == {torch.float32}


def test_bfloat16_trains_the_same_weights_in_the_same_direction() -> None:
    exact, rough = gradients(train_section()), gradients(train_section(precision="bf16"))
    assert exact.keys() == rough.keys()
    for kind in ("generator", "discriminator"):
        names = [name for name in exact if name.startswith(kind)]
        ours, theirs = (torch.cat([g[name] for name in names]) for g in (exact, rough))
        assert functional.cosine_similarity(ours, theirs, dim=0) > 0.9


def test_bfloat16_keeps_the_drift_term() -> None:
    # The bias of the score moves fakes and reals alike, so that drift alone has a slope along it.
    exact, rough = gradients(train_section()), gradients(train_section(precision="bf16"))
    name = "discriminator.blocks.4.score.bias"
    assert exact[name].abs() > 1e-5
    assert rough[name].item() == pytest.approx(exact[name].item(), rel=0.2)
