"""First weights: a function of seed and name alone, so that growth in steps is growth at once."""

from typing import Any

import pytest
import torch
from specs import network_spec

from pgpipe import rng
from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.generator import Generator


def spec(**changes: Any) -> NetworkSpec:
    return network_spec(**{"fmap_base": 128, "fmap_max": 16, "latent_size": 12, **changes})


def same(a: weights.Weights, b: weights.Weights) -> bool:
    return a.keys() == b.keys() and all(a[name].equal(b[name]) for name in a)


def test_growth_in_steps_is_growth_at_once() -> None:
    steps: weights.Weights = {}
    for resolution, before in ((4, None), (8, 4), (16, 8), (32, 16)):
        new = weights.initial(spec(), resolution, 5, before)
        assert not steps.keys() & new.keys()
        steps |= new
    assert same(steps, weights.initial(spec(), 32, 5))


def test_a_step_of_growth_is_the_new_resolutions_layers() -> None:
    new = weights.initial(spec(), 16, 0, before=8)
    assert {name.rpartition(".")[0] for name in new} == {
        "generator.blocks.16.up",
        "generator.blocks.16.conv",
        "generator.to_rgb.16",
        "discriminator.blocks.16.conv",
        "discriminator.blocks.16.down",
        "discriminator.from_rgb.16",
    }


def test_same_seed_gives_the_same_weights() -> None:
    assert same(weights.initial(spec(), 16, 3), weights.initial(spec(), 16, 3))


def test_another_seed_gives_other_weights_everywhere() -> None:
    ours, theirs = weights.initial(spec(), 16, 3), weights.initial(spec(), 16, 4)
    assert not any((ours[n] == theirs[n]).any() for n in ours if n.endswith("weight"))


def test_layers_of_one_shape_differ_by_name() -> None:
    ours = weights.initial(spec(), 8, 0)
    up, conv = ours["generator.blocks.8.up.weight"], ours["generator.blocks.8.conv.weight"]
    assert up.shape == conv.shape
    assert not (up == conv).any()


def test_a_weight_is_a_draw_of_the_key_of_its_name() -> None:
    name = "discriminator.blocks.8.down.weight"
    drawn = rng.normal((16, 16, 3, 3), rng.key(9, name, 0))
    assert weights.initial(spec(), 8, 9)[name].equal(drawn)


def test_labels_change_only_the_layers_that_they_widen() -> None:
    plain = weights.initial(spec(), 16, 0)
    labelled = weights.initial(spec(classes=4), 16, 0)
    changed = {n for n in plain if plain[n].shape != labelled[n].shape}
    assert {name.rpartition(".")[0] for name in changed} == {
        "generator.blocks.4.seed",
        "discriminator.blocks.4.score",
    }
    assert all(plain[n].equal(labelled[n]) for n in plain.keys() - changed)


def test_biases_are_0_and_weights_normal() -> None:
    drawn = weights.initial(spec(fmap_base=1024, fmap_max=64, latent_size=64), 16, 0)
    assert all(value.eq(0).all() for name, value in drawn.items() if name.endswith("bias"))
    values = torch.cat([v.flatten() for name, v in drawn.items() if name.endswith("weight")])
    assert len(values) > 300_000
    assert values.mean().item() == pytest.approx(0, abs=0.01)
    assert values.std().item() == pytest.approx(1, abs=0.01)


def test_without_equalised_lr_first_weights_have_hes_standard_deviation() -> None:
    sizes = {"fmap_base": 256, "fmap_max": 64, "latent_size": 32, "classes": 2}
    plain = spec(**sizes, equalised_lr=False, minibatch_stddev=False)
    equalised = spec(**sizes, minibatch_stddev=False)
    drawn, unit = weights.initial(plain, 8, 0), weights.initial(equalised, 8, 0)
    assert drawn.keys() == unit.keys()
    for name, value in drawn.items():
        if name.endswith("bias"):
            assert value.eq(0).all()
            continue
        linear = "to_rgb" in name or "score" in name
        fan_in = 34 * 16 if "seed" in name else value[0].numel()
        he = ((1 if linear else 2) / fan_in) ** 0.5
        error = 5 / (2 * value.numel()) ** 0.5
        assert value.std(correction=0).item() == pytest.approx(he, rel=error), name
        assert unit[name].std(correction=0).item() == pytest.approx(1, rel=error), name


def test_first_gains_are_1_and_first_biases_0() -> None:
    drawn = weights.initial(spec(generator_norm="batch", discriminator_norm="layer"), 8, 0)
    assert all(value.eq(1).all() for name, value in drawn.items() if name.endswith("gain"))
    assert sum(name.endswith("gain") for name in drawn) == 8


def test_weights_are_float32_and_named_by_network() -> None:
    drawn = weights.initial(spec(), 8, 0)
    assert {value.dtype for value in drawn.values()} == {torch.float32}
    assert {name.split(".")[0] for name in drawn} == {"generator", "discriminator"}


def test_names_are_those_of_the_networks() -> None:
    known = dict(weights.names(spec(), 16))
    for kind, net in (
        ("generator", Generator(spec(), 16)),
        ("discriminator", Discriminator(spec(), 16)),
    ):
        for name, parameter in net.named_parameters():
            assert known.pop(f"{kind}.{name}") == parameter.shape
    assert not known


def test_load_and_named_are_inverse() -> None:
    drawn = weights.initial(spec(), 8, 0)
    net = Generator(spec(), 8)
    weights.load(net, drawn, "generator")
    back = dict(weights.named(net, "generator"))
    assert same(back, {n: v for n, v in drawn.items() if n.startswith("generator.")})


def test_load_needs_every_weight() -> None:
    drawn = weights.initial(spec(), 8, 0)
    del drawn["generator.to_rgb.4.bias"]
    with pytest.raises(KeyError, match=r"generator\.to_rgb\.4\.bias"):
        weights.load(Generator(spec(), 8), drawn, "generator")


def test_a_loaded_network_owns_its_weights() -> None:
    drawn = weights.initial(spec(), 4, 0)
    net = Generator(spec(), 4)
    weights.load(net, drawn, "generator")
    net.get_parameter("to_rgb.4.bias").data += 1
    assert drawn["generator.to_rgb.4.bias"].eq(0).all()
