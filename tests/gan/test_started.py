"""Networks of another training as first weights: grown, cut, by the classes' names, or refused."""

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from specs import network_spec
from tinynets import disturbed, latents, pictures

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.gan import started, weights
from pgpipe.gan.config import Form, NetworkSpec
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.generator import Generator
from pgpipe.gan.sampling import save_generator
from pgpipe.gan.started import Started
from pgpipe.plumbing import tensors
from pgpipe.plumbing.layout import STATE_FORMAT

ABC = ("a", "b", "c")


def trained(spec: NetworkSpec, resolution: int, labels: tuple[str, ...] = ()) -> Started:
    """Networks all of whose weights are random, and an average that is another than G."""
    named: weights.Weights = {}
    for name, kind, seed in ("generator",) * 2 + (7,), ("discriminator",) * 2 + (7,), (
        "average", "generator", 8,
    ):  # fmt: skip
        net = weights.network(spec, kind, resolution)
        weights.load(net, weights.initial(spec, resolution, seed), kind)
        named |= weights.named(disturbed(net, seed), name)
    return Started(Path("given"), spec, resolution, labels, named)


def taken(
    given: Started, spec: NetworkSpec, top: int, labels: tuple[str, ...] = (), first: int = 4
) -> weights.Weights:
    """First weights of a chain up to a resolution, each phase's by itself."""
    found: weights.Weights = {}
    before = None
    for resolution in [1 << n for n in range(first.bit_length() - 1, top.bit_length())]:
        drawn = weights.initial(spec, resolution, 3, before)
        found |= started.first_weights(given, drawn, spec, resolution, labels)
        before = resolution
    return found


def averaged(name: str) -> str:
    return name.replace("generator", "average", 1)


# Growing and cutting


def test_what_is_there_is_taken_and_the_rest_is_drawn() -> None:
    spec = network_spec()
    given, drawn = trained(spec, 8), weights.initial(spec, 32, 3)
    found = taken(given, spec, 32)
    averages = {averaged(n) for n, _ in weights.names(spec, 8) if n.startswith("generator")}
    assert found.keys() == drawn.keys() | averages
    new = {name for name in found if ".16." in name or ".32." in name}
    assert all(found[name].equal(drawn[name]) for name in new)
    assert all(found[name].equal(given.named[name]) for name in found.keys() - new)
    told = started.told(given, spec, 32, ())
    assert told.endswith("generator, discriminator, average of 8x8; at random: layers above 8x8")


@pytest.mark.parametrize("first", [4, 16])
def test_a_smaller_run_takes_its_layers_alone(first: int) -> None:
    spec = network_spec()
    given = trained(spec, 32)
    found = taken(given, spec, 16, first=first)
    assert found.keys() == {n for n in given.named if ".32." not in n}
    assert all(value.equal(given.named[name]) for name, value in found.items())
    assert started.told(given, spec, 16, ()).endswith("average of 32x32, cut to 16x16")


def test_a_chain_and_one_phase_start_from_the_same_weights() -> None:
    spec = network_spec(classes=3)
    given = trained(spec, 16, ABC)
    one, chain = taken(given, spec, 16, ABC, first=16), taken(given, spec, 16, ABC)
    assert one.keys() == chain.keys()
    assert all(one[name].equal(chain[name]) for name in one)


# Labels


def generator_of(spec: NetworkSpec, named: weights.Weights) -> Generator:
    net = weights.generator(spec, 8)
    weights.load(net, named, "generator")
    return net


def discriminator_of(spec: NetworkSpec, named: weights.Weights) -> Discriminator:
    net = cast("Discriminator", weights.network(spec, "discriminator", 8))
    weights.load(net, named, "discriminator")
    return net


@pytest.mark.parametrize("labels", [("x", "c", "a", "y"), ("c", "b")])
@pytest.mark.parametrize("equalised", [True, False])
@torch.no_grad()
def test_a_class_of_the_same_name_is_drawn_and_told_as_before(
    labels: tuple[str, ...], equalised: bool
) -> None:
    """Though its number is another, and with it He's constant of the first layer."""
    switches = {"equalised_lr": equalised, "generator_norm": "none"}
    old = network_spec(classes=3, **switches)
    spec = network_spec(classes=len(labels), **switches)
    given = trained(old, 8, ABC)
    named, z, images = taken(given, spec, 8, labels), latents(4), pictures(4, 8)
    before = generator_of(old, given.named)(z, torch.full((4,), ABC.index("c")))
    after = generator_of(spec, named)(z, torch.full((4,), labels.index("c")))
    torch.testing.assert_close(after, before)
    scores, logits = discriminator_of(old, given.named)(images)
    scores_now, logits_now = discriminator_of(spec, named)(images)
    torch.testing.assert_close(scores_now, scores)
    torch.testing.assert_close(logits_now[:, labels.index("c")], logits[:, ABC.index("c")])


@torch.no_grad()
def test_a_joint_score_of_a_class_of_the_same_name_is_as_before() -> None:
    """Its rows are maps that D's last convolution sees, among whose inputs He counts them."""
    old = network_spec(classes=3, conditioning="joint")
    spec = network_spec(classes=4, conditioning="joint")
    labels, images = ("x", "c", "a", "y"), pictures(4, 8)
    given = trained(old, 8, ABC)
    named = taken(given, spec, 8, labels)
    was, now = (torch.full((4,), names.index("c")) for names in (ABC, labels))
    before, _ = discriminator_of(old, given.named)(images, None, was)
    after, _ = discriminator_of(spec, named)(images, None, now)
    torch.testing.assert_close(after, before)
    assert "at random: the rows of x, y" in started.told(given, spec, 8, labels)


@pytest.mark.parametrize(("theirs", "ours"), [("acgan", "joint"), ("joint", "projection")])
def test_labels_that_were_judged_in_another_form_are_learnt_anew(theirs: Form, ours: Form) -> None:
    old, spec = (network_spec(classes=3, conditioning=form) for form in (theirs, ours))
    given, drawn = trained(old, 8, ABC), weights.initial(spec, 8, 3)
    started.require_fit(given, spec, [4, 8])
    found = taken(given, spec, 8, ABC)
    conv, score = (f"discriminator.blocks.4.{name}.weight" for name in ("conv", "score"))
    scale = (found[conv].shape[1] / given.named[conv].shape[1]) ** 0.5
    of_images = min(found[conv].shape[1], given.named[conv].shape[1])
    kept = found[conv][:, :of_images]
    torch.testing.assert_close(kept, given.named[conv][:, :of_images] * scale)
    assert found[score][0].equal(given.named[score][0])
    own = (
        (conv, (slice(None), slice(of_images, None)))
        if ours == "joint"
        else (score, slice(1, None))
    )
    assert found[own[0]][own[1]].equal(drawn[own[0]][own[1]])
    assert "at random: what D makes of labels" in started.told(given, spec, 8, ABC)


def test_captions_mean_the_same_there_and_take_the_place_of_classes() -> None:
    spec, labelled = network_spec(captions=True, conditioning="matching"), network_spec(classes=3)
    given = trained(spec, 8)
    found = taken(given, spec, 8, ABC)
    assert all(found[name].equal(given.named[name]) for name in found)
    assert "at random" not in started.told(given, spec, 8, ABC)
    given, drawn = trained(labelled, 8, ABC), weights.initial(spec, 8, 3)
    started.require_fit(given, spec, [4, 8])
    found, seed = taken(given, spec, 8, ABC), "generator.blocks.4.seed.weight"
    scale = (len(found[seed]) / len(given.named[seed])) ** 0.5
    torch.testing.assert_close(found[seed][:5], given.named[seed][:5] * scale)
    assert found[seed][5:].equal(drawn[seed][5:])
    assert "at random: what captions mean" in started.told(given, spec, 8, ABC)


def test_rows_of_other_classes_are_drawn() -> None:
    spec = network_spec(classes=2)
    given, drawn = trained(network_spec(classes=3), 8, ABC), weights.initial(spec, 8, 3)
    found = taken(given, spec, 8, ("b", "new"))
    for name, row in (
        ("generator.blocks.4.seed.weight", 6),
        ("discriminator.blocks.4.score.bias", 2),
    ):
        assert found[name][row].equal(drawn[name][row])
        assert not found[name][row - 1].equal(drawn[name][row - 1])
    average = averaged("generator.blocks.4.seed.weight")
    assert found[average][6].equal(drawn["generator.blocks.4.seed.weight"][6])
    assert "at random: the rows of new" in started.told(given, spec, 8, ("b", "new"))


@pytest.mark.parametrize(("theirs", "ours"), [(3, 0), (0, 3)])
def test_labels_come_and_go(theirs: int, ours: int) -> None:
    spec, names = network_spec(classes=ours), ABC[:ours]
    given = trained(network_spec(classes=theirs), 8, ABC[:theirs])
    started.require_fit(given, spec, [4, 8])
    found = taken(given, spec, 8, names)
    seed = "generator.blocks.4.seed.weight"
    scale = ((5 + ours) / (5 + theirs)) ** 0.5
    torch.testing.assert_close(found[seed][:5], given.named[seed][:5] * scale)
    score = "discriminator.blocks.4.score.weight"
    assert found[score][0].equal(given.named[score][0])
    assert len(found[score]) == 1 + ours


def test_without_names_as_many_classes_are_the_same_ones() -> None:
    spec = network_spec(classes=3)
    given = trained(spec, 8)
    found = taken(given, spec, 8, ("x", "y", "z"))
    assert all(found[name].equal(given.named[name]) for name in found)


# What does not fit


def refusal(given: Started, *resolutions: int, **changes: Any) -> str:
    with pytest.raises(UsageError) as caught:
        started.require_fit(given, network_spec(**changes), resolutions)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("params.yaml: model.start: given does not fit: ")
    return line


def test_other_shapes_are_named_with_both_and_what_would_fit() -> None:
    line = refusal(trained(network_spec(), 8), 4, 8, fmap_max=4, channels=1)
    assert "generator.blocks.4.seed.weight is [5, 6, 4, 4] there, [5, 4, 4, 4] here" in line
    assert line.endswith("it was trained with model.fmap_max: 6, dataset.color: rgb")
    assert "more)" in line


def test_widths_of_resolutions_that_are_not_used_do_not_matter() -> None:
    """fmap_base 32 and 64 make the same layers up to 8x8, of 6 feature maps."""
    started.require_fit(trained(network_spec(), 8), network_spec(fmap_base=64), [4, 8])
    assert "blocks.16.up.weight is [6, 4, 3, 3] there, [6, 6, 3, 3] here" in refusal(
        trained(network_spec(), 16), 4, 8, 16, fmap_base=64
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"latent_size": 9}, "it was trained with model.latent_size: 5"),
        ({"tanh": True}, "its model.tanh is false, here it is true"),
        ({"latent_norm": "joined"}, "its model.latent_norm is latent, here it is joined"),
        ({"generator_norm": "none"}, "its model.generator_norm is pixel, here it is none"),
        ({"first_layer": "no-norm"}, "its model.first_layer is plain, here it is no-norm"),
        ({"equalised_lr": False}, "its model.equalised_lr is true, here it is false"),
        ({"fused_downsampling": True}, "its model.fused_downsampling is false, here"),
        ({"discriminator_norm": "layer"}, "its model.discriminator_norm is none, here"),
        ({"minibatch_stddev": False}, "it was trained with train.minibatch_stddev: true"),
        ({"minibatch_discrimination": 2}, "discriminator.blocks.4.score.weight is [1, 6] there"),
    ],
)
def test_what_changes_the_networks_is_named(changes: dict[str, Any], told: str) -> None:
    assert told in refusal(trained(network_spec(), 8), 4, 8, **changes)


def test_groups_of_minibatch_stddev_may_differ() -> None:
    started.require_fit(trained(network_spec(), 8), network_spec(minibatch_stddev=4), [4, 8])


# Files


def state(given: Started, **facts: Any) -> tuple[weights.Weights, dict[str, Any]]:
    """What a training's state holds of networks, among other things."""
    about = {"labels": list(given.labels), "precision": "fp32"}
    spec = given.spec.model_dump()
    told = {"format": STATE_FORMAT, "resolution": given.resolution, "about": about, "spec": spec}
    moments = {f"adam.{name}.step": torch.zeros(()) for name in given.named}
    return {**given.named, **moments}, {**told, **facts}


def test_a_state_and_its_networks_alone_are_the_same(tmp_path: Path) -> None:
    given = trained(network_spec(classes=3), 8, ABC)
    tensors.save(tmp_path / "state.safetensors", *state(given))
    found = started.read(tmp_path / "state.safetensors")
    found.save(tmp_path / "networks.safetensors")
    again = started.read(tmp_path / "networks.safetensors")
    for one in found, again:
        assert (one.spec, one.resolution, tuple(one.labels)) == (given.spec, 8, ABC)
        assert one.named.keys() == given.named.keys()
        assert all(one.named[name].equal(given.named[name]) for name in given.named)


def test_a_generator_alone_leaves_d_to_be_drawn(tmp_path: Path) -> None:
    spec = network_spec()
    given = trained(spec, 8)
    save_generator(tmp_path / "g.safetensors", generator_of(spec, given.named))
    found = started.read(tmp_path / "g.safetensors")
    first, drawn = taken(found, spec, 8), weights.initial(spec, 8, 3)
    assert first.keys() == drawn.keys(), "G is its own average"
    for name, value in first.items():
        assert value.equal((given.named if name.startswith("generator") else drawn)[name])
    assert started.told(found, spec, 8, ()).endswith("generator of 8x8; at random: discriminator")
    started.require_fit(found, network_spec(fused_downsampling=True), [4, 8])  # D's own business


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda named, facts: named.popitem(), "not the networks that it says it has"),
        (lambda named, facts: facts.update(resolution="8"), "not the networks that it says"),
        (lambda named, facts: facts.update(resolution=16), "not the networks that it says"),
        (lambda named, facts: facts.update(spec={}), "not the networks that it says"),
        (lambda named, facts: facts.update(about=5), "not the networks that it says"),
        (lambda named, facts: next(iter(named.values())).fill_(torch.nan), "are not finite"),
        (lambda named, facts: facts.pop("about"), "not the generator that it says it is"),
        (lambda named, facts: facts.update(format=9), "networks of format 9"),
    ],
)
def test_files_that_hold_something_else_are_refused(change: Any, told: str, tmp_path: Path) -> None:
    named, facts = state(trained(network_spec(), 8))
    named = {name: value for name, value in named.items() if not name.startswith("adam")}
    change(named, facts)
    if "about" not in facts:
        facts["format"] = 2  # of a generator's file
    tensors.save(tmp_path / "x.safetensors", named, facts)
    with pytest.raises((IntegrityError, UsageError), match=told):
        started.read(tmp_path / "x.safetensors")
