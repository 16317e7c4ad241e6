"""StackGAN (Zhang et al. 2017): a forward of literal loops, its divergence, what is frozen."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from literal import layers
from literal.layers import blown_up
from literal.networks import Literal, LiteralGenerator
from specs import network_spec, train_section
from tinynets import discriminator, generator, latents, pictures
from tinyphase import MINIBATCH, Count, Place, phase
from tinytraining import networks
from torch.distributions import Normal, kl_divergence

from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.networks import tensors_of
from pgpipe.gan.stackgan import StackGenerator, StackStep
from pgpipe.gan.step import Minibatch
from pgpipe.plumbing import tensors
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.phase import PhaseTraining
from pgpipe.training.start import make_job

STACK: dict[str, Any] = {
    "name": "stackgan",
    "latent_size": 9,
    "latent_norm": "none",
    "classes": 3,
    "fmap_base": 64,
    "fmap_max": 4,
}
LABELS = [2, 0, 1, 2]


def stack(**changes: Any) -> NetworkSpec:
    return network_spec(**{**STACK, **changes})


def literal(net: StackGenerator, z: layers.Array) -> layers.Array:
    """Both stages, from the parameters: of 9 numbers 5 are noise, and 2 of each augmentation."""
    spec, named = net.spec, Literal(net, net.spec)
    one_hot = np.eye(spec.classes)[LABELS]

    def augmented(name: str, draw: layers.Array) -> layers.Array:
        moments = one_hot @ (named.named[f"{name}.gaussian.weight"].T / np.sqrt(spec.classes))
        moments = moments + named.named[f"{name}.gaussian.bias"]
        return np.asarray(moments[:, :2] + np.exp(moments[:, 2:] / 2) * draw)

    inner = spec.model_copy(update={"latent_size": 7, "classes": 0})
    joined = np.concatenate([z[:, :5], augmented("augmentation0", z[:, 5:7])], axis=1)
    x = LiteralGenerator(net.first, inner)(joined, 16)
    if net.resolution == 16:
        return x
    x = named.active(named.conv(x, "second.enter"))
    condition = augmented("augmentation1", z[:, 7:])[:, :, None, None]
    everywhere = np.broadcast_to(condition, (len(z), 2, 16, 16))
    x = named.active(named.conv(np.concatenate([x, everywhere], axis=1), "second.join"))
    for n in range(2):
        inside = named.active(named.conv(x, f"second.residual.{n}.conv0"))
        x = named.active(x + named.conv(inside, f"second.residual.{n}.conv1"))
    for n in range(2):
        x = named.active(named.conv(blown_up(x), f"second.up.{n}.up", turned=True))
        x = named.active(named.conv(x, f"second.up.{n}.conv"))
    return named.conv(x, "second.to_rgb", gain=1)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("resolution", [16, 64])
def test_generator_equals_its_loops(resolution: int) -> None:
    net, z = generator(stack(), resolution), latents(4, 9)
    assert isinstance(net, StackGenerator)
    drawn = net(z, torch.tensor(LABELS)).detach()
    np.testing.assert_allclose(drawn, literal(net, z.numpy()), rtol=1e-8, atol=1e-10)
    shares = torch.eye(3)[LABELS]
    torch.testing.assert_close(net(z, shares), drawn)


def test_the_generator_also_lowers_the_divergence_of_its_newest_augmentation() -> None:
    """By `kl_weight` times KL to N(0, I), averaged over numbers and over the minibatch."""
    found: dict[float, float] = {}
    for weight in (0.0, 3.0):
        train = train_section(label_conditioning="matching", kl_weight=weight, full_resolution=64)
        nets = networks(train, 64, **STACK, conditioning="matching")
        step = StackStep(nets, train)
        step.G.load_state_dict(generator(stack(), 64).state_dict())
        fake, labels = pictures(4, 64), torch.tensor(LABELS)
        batch = Minibatch(torch.zeros(4, 64, 64, 3).byte(), labels, labels, torch.tensor(0), None)
        found[weight] = float(step.generator_loss(batch, fake, labels).detach())
    net = generator(stack(), 64)
    assert isinstance(net, StackGenerator)
    mean, log_variance = net.augmentation1.moments(torch.eye(3)[LABELS])
    gaussians = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(gaussians, Normal(torch.zeros(2), torch.ones(2))).mean()
    assert found[3.0] - found[0.0] == pytest.approx(3 * float(expected), rel=1e-4)


def test_the_discriminators_share_no_weight() -> None:
    small, large = (
        {n for n, _ in weights.names(stack(), res) if n.startswith("discriminator")}
        for res in (16, 64)
    )
    assert small
    assert not small & large


def test_the_discriminator_is_that_of_its_resolution() -> None:
    spec = stack()
    ours, plain = (
        discriminator(spec, 16),
        discriminator(network_spec(**{**STACK, "name": "pggan"}), 16),
    )
    plain.load_state_dict({n.removeprefix("stages.16."): v for n, v in ours.state_dict().items()})
    for found, expected in zip(ours(pictures(4, 16)), plain(pictures(4, 16)), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("condition", [{}, {"classes": 0, "captions": True}])
def test_the_second_stage_leaves_the_first_as_it_was_sampled(
    condition: dict[str, Any], tmp_path: Path
) -> None:
    """Its weights are the average of its phase, in the generator and in the average."""
    matching = {"label_conditioning": "matching", "full_resolution": 64, "mirror": False}
    place = Place(
        tmp_path, {**{k: v for k, v in STACK.items() if k != "classes"}, **condition}, matching
    )
    few = 3 * MINIBATCH / 1000
    first = phase(**{"from": "init"}, res=16, fade_kimg=0, stable_kimg=few)
    PhaseTraining(place.first_job(first), place.batches(16), place.first, Count()).run()
    before, _ = tensors.read(place.first.states()[-1])
    of_second = weights.initial(place.spec, 64, place.section().seed, before=16)
    assert not any(name.startswith("generator.first") for name in of_second)
    tensors.save(place.layers, of_second, {})
    second = phase(**{"from": "r16"}, res=64, fade_kimg=0, stable_kimg=few)
    job = make_job("r64", second, place.section(), place.first.states()[-1], place.layers)
    training = PhaseTraining(job, place.batches(64), StateFolder(tmp_path / "r64"), Count())
    start = {name: value.clone() for name, value in tensors_of(training.networks).items()}
    training.run()
    end = tensors_of(training.networks)
    frozen = [n.removeprefix("average.") for n in before if n.startswith("average.")]
    assert any(name.startswith("first.blocks") for name in frozen)
    for name in frozen:
        for own in ("generator", "average"):
            assert end[f"{own}.{name}"].equal(before[f"average.{name}"]), name
        assert f"adam.generator.{name}.step" not in end
    moved = [n for n in of_second if n.startswith("generator") and not end[n].equal(start[n])]
    assert len(moved) == len([n for n in of_second if n.startswith("generator")])
    assert any(not before[f"generator.{n}"].equal(before[f"average.{n}"]) for n in frozen)
