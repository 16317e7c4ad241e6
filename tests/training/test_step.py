"""One step of training against a twin written out from the paper's formulas; the average of G."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pgpipe import rng
from pgpipe.nets import weights
from pgpipe.nets.config import NetworkSpec
from pgpipe.training.config import TrainSection
from pgpipe.training.networks import Networks, build, load_moments, tensors_of
from pgpipe.training.step import LOSSES, Minibatch, Step

CPU = torch.device("cpu")
LEARNING_RATE = 0.003


def section(**changes: Any) -> TrainSection:
    values = {
        "seed": 3,
        "minibatch": 8,
        "learning_rate": LEARNING_RATE,
        "adam_beta1": 0.0,
        "adam_beta2": 0.99,
        "adam_epsilon": 1e-8,
        "ema_half_life_kimg": 0.05,
        "gradient_penalty": 10.0,
        "gradient_target": 1.0,
        "gradient_at": "full",
        "full_resolution": 32,
        "drift": 0.001,
        "minibatch_stddev": True,
        "label_conditioning": False,
        "label_weight": 1.0,
        "mirror": False,
        "device": "cpu",
        "threads": 1,
        "precision": "fp32",
        "channels_last": False,
        "data_on_device": "auto",
        "tick_kimg": 1.0,
        "checkpoint_minutes": 5.0,
    }
    return TrainSection(**{**values, **changes})


def make(train: TrainSection, resolution: int = 8, classes: int = 0, channels: int = 3) -> Networks:
    """Networks whose average is not the generator itself."""
    spec = NetworkSpec(
        fmap_base=64,
        fmap_max=8,
        latent_size=6,
        fused_downsampling=False,
        channels=channels,
        classes=classes,
        minibatch_stddev=train.minibatch_stddev,
    )
    named = weights.initial(spec, resolution, 0)
    others = weights.initial(spec, resolution, 1)
    average = {n.replace("generator", "average"): v for n, v in others.items()}
    return build(spec, resolution, {**named, **average}, train, LEARNING_RATE, CPU)


def batch(seen: int = 0, classes: int = 0, fade: float | None = None, N: int = 8) -> Minibatch:
    pixels = rng.integers(256, (N, 8, 8, 3), rng.key(0, "pixels", seen)).to(torch.uint8)
    labels = [rng.integers(classes, (N,), rng.key(0, s, seen)) for s in "dg"] if classes else None
    return Minibatch(
        images=pixels,
        labels=labels[0] if labels else None,
        labels_g=labels[1] if labels else None,
        seen=torch.tensor(seen),
        fade=None if fade is None else torch.tensor(fade),
    )


class Twin:
    """The paper's step, written out once more from its formulas (G, D and Adam are torch's)."""

    def __init__(self, networks: Networks, train: TrainSection) -> None:
        self.train = train
        self.G, self.D, self.average = (
            copy.deepcopy(net)
            for net in (networks.generator, networks.discriminator, networks.average)
        )
        settings: dict[str, Any] = {
            "lr": LEARNING_RATE,
            "betas": (train.adam_beta1, train.adam_beta2),
            "eps": train.adam_epsilon,
            "foreach": False,
            "fused": False,
        }
        self.adam_g = torch.optim.Adam(self.G.parameters(), **settings)
        self.adam_d = torch.optim.Adam(self.D.parameters(), **settings)

    def reals(self, batch: Minibatch) -> Tensor:
        real = batch.images.permute(0, 3, 1, 2).to(torch.get_default_dtype()) / 127.5 - 1
        if self.train.mirror:
            chance = rng.uniform((len(real),), rng.key(self.train.seed, "mirror", int(batch.seen)))
            turned = [x.flip(2) if c < 0.5 else x for x, c in zip(real, chance, strict=True)]
            real = torch.stack(turned)
        if batch.fade is not None:
            coarse = (real[..., ::2] + real[..., 1::2]) / 2
            coarse = (coarse[..., ::2, :] + coarse[..., 1::2, :]) / 2
            coarse = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
            real = coarse + batch.fade * (real - coarse)
        return real

    def latents(self, stream: str, batch: Minibatch) -> Tensor:
        key = rng.key(self.train.seed, stream, int(batch.seen))
        return rng.normal((len(batch.images), 6), key)

    def penalty(self, mixed: Tensor, fade: Tensor | None) -> tuple[Tensor, Tensor]:
        """The penalty, and the mean native norm."""
        mixed.requires_grad_()
        scores = self.D(mixed, fade)[0].sum()
        slope = torch.autograd.grad(scores, mixed, create_graph=True)[0]
        norms = slope.flatten(1).norm(dim=1)
        k = self.train.full_resolution / 8 if self.train.gradient_at == "full" else 1
        target = self.train.gradient_target
        return (norms / k - target).square().mean() / (target * target), norms.mean()

    def discriminator_loss(self, batch: Minibatch) -> list[Tensor]:
        real = self.reals(batch)
        fake = self.G(self.latents("latents d", batch), batch.labels, batch.fade).detach()
        real_scores, real_logits = self.D(real, batch.fade)
        fake_scores, fake_logits = self.D(fake, batch.fade)
        factor = rng.uniform((len(real),), rng.key(self.train.seed, "mixing", int(batch.seen)))
        factor = factor[:, None, None, None]
        penalty, norm = self.penalty((1 - factor) * real + factor * fake, batch.fade)
        loss = fake_scores.mean() - real_scores.mean()
        loss = loss + self.train.gradient_penalty * penalty
        loss = loss + self.train.drift * (real_scores**2).mean()
        of_labels = torch.zeros(())
        if batch.labels is not None:
            of_labels = functional.nll_loss(real_logits.log_softmax(1), batch.labels)
            of_labels = of_labels + functional.nll_loss(fake_logits.log_softmax(1), batch.labels)
            loss = loss + self.train.label_weight * of_labels
        return [loss, real_scores.mean(), fake_scores.mean(), norm, of_labels]

    def generator_loss(self, batch: Minibatch) -> Tensor:
        fake = self.G(self.latents("latents g", batch), batch.labels_g, batch.fade)
        scores, logits = self.D(fake, batch.fade)
        loss: Tensor = -scores.mean()
        if batch.labels_g is not None:
            of_labels = functional.nll_loss(logits.log_softmax(1), batch.labels_g)
            loss = loss + self.train.label_weight * of_labels
        return loss

    def __call__(self, batch: Minibatch) -> list[float]:
        figures = self.discriminator_loss(batch)
        self.adam_d.zero_grad()
        figures[0].backward()
        self.adam_d.step()
        loss_g = self.generator_loss(batch)
        self.adam_g.zero_grad()
        loss_g.backward()
        self.adam_g.step()
        decay = 0.5 ** (len(batch.images) / (1000 * self.train.ema_half_life_kimg))
        for mean, new in zip(self.average.parameters(), self.G.parameters(), strict=True):
            mean.data = decay * mean.data + (1 - decay) * new.data
        return [x.item() for x in (figures[0], loss_g, *figures[1:])]


CASES: list[tuple[dict[str, Any], int, float | None]] = [
    ({}, 0, None),
    ({}, 0, 0.3),
    ({"channels_last": True}, 0, 0.7),
    ({"gradient_at": "native", "gradient_target": 750.0}, 0, None),
    ({"minibatch_stddev": 4, "mirror": True}, 0, 0.0),
    ({"minibatch_stddev": False, "adam_beta1": 0.5, "drift": 0.1}, 0, None),
    ({"label_conditioning": True, "label_weight": 0.7, "mirror": True}, 3, 0.5),
]


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(("changes", "classes", "fade"), CASES)
def test_three_steps_equal_the_formulas_written_out(
    changes: dict[str, Any], classes: int, fade: float | None
) -> None:
    train = section(**changes)
    nets = make(train, classes=classes)
    step, twin = Step(nets, train), Twin(nets, train)
    for seen in (0, 8, 16):
        ours, theirs = step(batch(seen, classes, fade)), twin(batch(seen, classes, fade))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    for net, other in (
        (nets.generator, twin.G),
        (nets.discriminator, twin.D),
        (nets.average, twin.average),
    ):
        for a, b in zip(net.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_step_in_float32_equals_the_formulas_written_out(channels_last: bool) -> None:
    train = section(channels_last=channels_last)
    nets = make(train)
    step, twin = Step(nets, train), Twin(nets, train)
    np.testing.assert_allclose(step(batch()), twin(batch()), rtol=1e-4)
    for net, other in ((nets.generator, twin.G), (nets.discriminator, twin.D)):
        for a, b in zip(net.parameters(), other.parameters(), strict=True):
            # the first step of Adam is as long as the learning rate, whatever the gradient
            torch.testing.assert_close(a, b, rtol=0, atol=0.01 * LEARNING_RATE)


def test_figures_are_named() -> None:
    train = section()
    assert Step(make(train), train)(batch()).shape == (len(LOSSES),)


def test_a_step_depends_on_nothing_but_its_minibatch() -> None:
    train = section(mirror=True)
    ends = []
    for noise in (0, 1):
        torch.manual_seed(noise)
        nets = make(train)
        Step(nets, train)(batch(64, fade=0.5))
        ends.append(tensors_of(nets))
    assert all(value.equal(ends[1][name]) for name, value in ends[0].items())


def test_draws_change_with_the_images_seen() -> None:
    train = section()
    step = Step(make(train), train)
    for stream in ("latents d", "latents g"):
        ours, theirs = (
            step.latents(4, stream, torch.tensor(0)),
            step.latents(4, stream, torch.tensor(8)),
        )
        assert not (ours == theirs).any()
    both = [step.latents(4, stream, torch.tensor(0)) for stream in ("latents d", "latents g")]
    assert not (both[0] == both[1]).any()


def test_generator_step_leaves_the_discriminator_alone() -> None:
    train = section()
    nets = make(train)
    before = {n: p.clone() for n, p in nets.discriminator.named_parameters()}
    Step(nets, train).generator_step(batch())
    for name, parameter in nets.discriminator.named_parameters():
        assert parameter.equal(before[name])
        assert parameter.grad is None
        assert parameter.requires_grad


def test_discriminator_step_leaves_the_generator_alone() -> None:
    train = section()
    nets = make(train)
    before = {n: p.clone() for n, p in nets.generator.named_parameters()}
    Step(nets, train).discriminator_step(batch())
    for name, parameter in nets.generator.named_parameters():
        assert parameter.equal(before[name])
        assert parameter.grad is None


def test_labels_add_their_cross_entropies_with_their_weight() -> None:
    losses = []
    for weight in (0.0, 1.0, 3.0):
        train = section(label_conditioning=True, label_weight=weight)
        losses.append(Step(make(train, classes=3), train).discriminator_step(batch(0, 3)))
    of_labels = losses[1][4]
    assert of_labels > 0.5
    torch.testing.assert_close(losses[1][0] - losses[0][0], of_labels, rtol=1e-4, atol=0)
    torch.testing.assert_close(losses[2][0] - losses[0][0], 3 * of_labels, rtol=1e-4, atol=0)


def test_generators_loss_takes_the_labels_drawn_for_it() -> None:
    train = section(label_conditioning=True)
    plain = batch(0, 3)
    assert plain.labels is not None
    assert plain.labels_g is not None
    other = replace(plain, labels_g=(plain.labels_g + 1) % 3)
    losses = [Step(make(train, classes=3), train).generator_step(b) for b in (plain, other)]
    assert losses[0] != losses[1]


def test_mirror_flips_about_half_of_the_images_and_nothing_else() -> None:
    train = section(mirror=True)
    step = Step(make(train), train)
    images = rng.normal((4000, 3, 4, 4), rng.key(0, "images", 0))
    out = step.mirrored(images, torch.tensor(0))
    flipped = torch.tensor([a.equal(b) for a, b in zip(out, images.flip(3), strict=True)])
    kept = torch.tensor([a.equal(b) for a, b in zip(out, images, strict=True)])
    assert (flipped ^ kept).all()
    assert abs(flipped.sum().item() - 2000) < 4 * 4000**0.5 / 2


def test_mirror_draws_anew_each_step() -> None:
    train = section(mirror=True)
    step = Step(make(train), train)
    images = rng.normal((64, 3, 4, 4), rng.key(0, "images", 0))
    assert not step.mirrored(images, torch.tensor(0)).equal(step.mirrored(images, torch.tensor(8)))


def test_without_mirror_images_stay() -> None:
    train = section()
    images = rng.normal((4, 3, 4, 4), rng.key(0, "images", 0))
    assert Step(make(train), train).mirrored(images, torch.tensor(0)) is images


@pytest.mark.parametrize("fade", [0.0, 0.25, 1.0])
def test_reals_fade_from_their_2x2_means(fade: float) -> None:
    train = section()
    images = rng.normal((4, 3, 8, 8), rng.key(0, "images", 0))
    x = images.double().numpy()
    means = x.reshape(4, 3, 4, 2, 4, 2).mean(axis=(3, 5)).repeat(2, 2).repeat(2, 3)
    out = Step(make(train), train).faded(images, torch.tensor(fade))
    np.testing.assert_allclose(out, (1 - fade) * means + fade * x, rtol=1e-5, atol=1e-6)


def test_reals_are_as_they_are_without_a_fade() -> None:
    train = section()
    images = rng.normal((4, 3, 8, 8), rng.key(0, "images", 0))
    assert Step(make(train), train).faded(images, None) is images


def test_decay_of_the_paper_is_a_half_life_of_11_08_kimg_at_minibatch_16() -> None:
    assert section(ema_half_life_kimg=11.08).ema_decay(16) == pytest.approx(0.999, abs=1e-6)


def test_half_life_does_not_depend_on_the_minibatch() -> None:
    train = section(ema_half_life_kimg=11.08)
    for images in (1, 3, 64, 512):
        assert train.ema_decay(images) == pytest.approx(train.ema_decay(1) ** images, rel=1e-12)


@pytest.mark.parametrize("minibatch", [5, 25])
def test_after_a_half_life_half_the_distance_is_left(minibatch: int) -> None:
    train = section(ema_half_life_kimg=0.5)
    nets = make(train, resolution=4)
    step = Step(nets, train)
    for parameter in nets.generator.parameters():
        parameter.data.fill_(3.0)
    for parameter in nets.average.parameters():
        parameter.data.fill_(1.0)
    for _ in range(500 // minibatch):
        step.average_step(minibatch)
    for parameter in nets.average.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, 2.0), rtol=1e-5, atol=0)


def test_average_moves_all_layers_those_that_a_step_does_not_train_included() -> None:
    train = section()
    nets = make(train)
    before = {n: p.clone() for n, p in nets.average.named_parameters()}
    Step(nets, train)(batch())
    moved = {n for n, p in nets.average.named_parameters() if not p.equal(before[n])}
    drawn = {n for n, p in nets.average.named_parameters() if n.endswith("weight")}
    assert "to_rgb.4.weight" in moved  # without a fade it has no gradient
    assert drawn <= moved


def test_average_has_no_gradient() -> None:
    train = section()
    nets = make(train)
    Step(nets, train)(batch())
    assert not any(p.requires_grad or p.grad is not None for p in nets.average.parameters())


@pytest.mark.parametrize("stddev", [False, True, 2, 4, 16])
def test_every_kind_of_minibatch_stddev_trains(stddev: bool | int) -> None:
    train = section(minibatch_stddev=stddev)
    assert Step(make(train), train)(batch()).isfinite().all()


def test_moments_survive_being_saved_and_loaded() -> None:
    train = section(channels_last=True)
    nets = make(train)
    step = Step(nets, train)
    for seen in (0, 8):
        step(batch(seen))
    saved = {name: value.clone() for name, value in tensors_of(nets).items()}
    copied = make(train)
    load_moments(copied, saved)
    for net, source in (
        (copied.generator, "generator"),
        (copied.discriminator, "discriminator"),
        (copied.average, "average"),
    ):
        weights.load(net, saved, source)
    for each in (step, Step(copied, train)):
        each(batch(16))
    ours, theirs = tensors_of(nets), tensors_of(copied)
    assert ours.keys() == theirs.keys()
    assert all(value.equal(theirs[name]) for name, value in ours.items())


def gradients(train: TrainSection) -> dict[str, Tensor]:
    """G's and D's gradients of a first step, by name; none where a weight has none."""
    nets = make(train)
    Step(nets, train)(batch(fade=0.5))
    return {
        f"{kind}.{name}": parameter.grad.float().flatten()
        for kind, net in (("generator", nets.generator), ("discriminator", nets.discriminator))
        for name, parameter in net.named_parameters()
        if parameter.grad is not None
    }


def test_bfloat16_stays_finite() -> None:
    train = section(precision="bf16")
    nets = make(train)
    step = Step(nets, train)
    for seen in range(0, 80, 8):
        assert step(batch(seen, fade=seen / 80)).isfinite().all()
    assert all(value.isfinite().all() for value in tensors_of(nets).values())


def test_bfloat16_keeps_weights_and_moments_in_float32() -> None:
    train = section(precision="bf16")
    nets = make(train)
    Step(nets, train)(batch())
    assert {value.dtype for value in tensors_of(nets).values()} == {torch.float32}


def test_bfloat16_trains_the_same_weights_in_the_same_direction() -> None:
    exact, rough = gradients(section()), gradients(section(precision="bf16"))
    assert exact.keys() == rough.keys()
    for kind in ("generator", "discriminator"):
        names = [name for name in exact if name.startswith(kind)]
        ours, theirs = (torch.cat([g[name] for name in names]) for g in (exact, rough))
        assert functional.cosine_similarity(ours, theirs, dim=0) > 0.9


def test_bfloat16_keeps_the_drift_term() -> None:
    # The bias of the score moves fakes and reals alike, so that drift alone has a slope along it.
    exact, rough = gradients(section()), gradients(section(precision="bf16"))
    name = "discriminator.blocks.4.score.bias"
    assert exact[name].abs() > 1e-5
    assert rough[name].item() == pytest.approx(exact[name].item(), rel=0.2)


@pytest.mark.parametrize(
    ("at", "resolution", "upscale"),
    [("full", 4, 8.0), ("full", 32, 1.0), ("native", 4, 1.0), ("full", 64, 1.0)],
)
def test_upscale_is_full_by_current_resolution(at: str, resolution: int, upscale: float) -> None:
    assert section(gradient_at=at).upscale(resolution) == upscale
