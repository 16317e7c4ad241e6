"""Switches that make no sense, alone or together, are refused with the reason in one line."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from specs import DCGAN
from tinyparams import phase, phases, refusal, with_values

from pgpipe.gan.losses.table import LOSSES
from pgpipe.gan.systems import SYSTEMS
from stages import check as stage


def under(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{section}__{name}": value for name, value in values.items()}


ONE_PHASE = phases(r32=phase(32, "init", fade=0))
DCGAN_MODEL = {name: value for name, value in DCGAN.items() if name != "minibatch_stddev"}
VALID_DCGAN = {
    **ONE_PHASE,
    **under("model", {**DCGAN_MODEL, "fused_downsampling": False}),
    "train__minibatch_stddev": False,
}
VALID_WEAK = {"model__name": "weak", "model__fused_downsampling": False}


def accept(**values: Any) -> None:
    stage.check(with_values(**values), "params.yaml")


def one_of(names: Iterable[str]) -> str:
    *others, last = map(repr, names)
    return f"{', '.join(others)} or {last}"


# Architectures


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("latent_norm", "latent", "a dcgan has none, not latent"),
        ("generator_activation", "lrelu", "a dcgan has relu, not lrelu"),
        ("generator_norm", "pixel", "a dcgan has batch, not pixel"),
        ("first_layer", "no-norm", "a dcgan has plain, not no-norm"),
        ("tanh", False, "a dcgan has true, not false"),
        ("discriminator_norm", "layer", "a dcgan has batch, not layer"),
        ("minibatch_discrimination", 100, "a dcgan has 0, not 100"),
        ("equalised_lr", True, "a dcgan has false, not true"),
        ("fused_downsampling", True, "a dcgan has false, not true"),
    ],
)
def test_dcgan_has_its_own_switches(key: str, value: Any, text: str) -> None:
    accept(**VALID_DCGAN)
    message = refusal(**{**VALID_DCGAN, f"model__{key}": value})
    assert message == f"params.yaml: model: {key}: {text}"


def valid(system: str) -> dict[str, Any]:
    """Parameters by which a system with an encoder is accepted."""
    decided = SYSTEMS[system].decided, SYSTEMS[system].decided_of_train
    return {"model__name": system, **under("model", decided[0]), **under("train", decided[1])}


@pytest.mark.parametrize(
    ("system", "path", "value", "text"),
    [
        (
            "autoencoder",
            "model__latent_norm",
            "latent",
            "model: latent_norm: an autoencoder has none",
        ),
        (
            "vae",
            "model__minibatch_discrimination",
            5,
            "model: minibatch_discrimination: a vae has 0",
        ),
        ("vae", "train__minibatch_stddev", True, "train.minibatch_stddev: a vae has false"),
        ("vae", "train__discriminator_steps", 2, "train.discriminator_steps: a vae has 1"),
        ("vae-gan", "train__updates", "simultaneous", "train.updates: a vae-gan has alternating"),
        (
            "vae-gan",
            "train__label_conditioning",
            "acgan",
            "train.label_conditioning: a vae-gan has",
        ),
    ],
)
def test_systems_with_an_encoder_have_their_own_switches(
    system: str, path: str, value: Any, text: str
) -> None:
    accept(**valid(system))
    message = refusal(**{**valid(system), path: value})
    assert message.startswith(f"params.yaml: {text}")


@pytest.mark.parametrize("system", ["autoencoder", "vae"])
def test_probabilities_of_pixels_need_a_tanh(system: str) -> None:
    bernoulli = {**valid(system), "train__reconstruction": "bernoulli"}
    assert refusal(**bernoulli) == (
        "params.yaml: train.reconstruction: bernoulli needs model.tanh: true, by which pixels are "
        "probabilities"
    )
    accept(**bernoulli, model__tanh=True)
    accept(**{**valid("vae-gan"), "train__reconstruction": "bernoulli"})


def test_fully_connected_networks_have_one_phase_and_their_own_switches() -> None:
    own = {**VALID_DCGAN, **under("model", SYSTEMS["mlp"].decided), "model__name": "mlp"}
    accept(**own, model__latents="uniform", train__optimiser="sgd")
    message = refusal(**{**own, "model__generator_norm": "response"})
    assert message == "params.yaml: model: generator_norm: a mlp has none, not response"
    grown = {k: v for k, v in own.items() if not k.startswith("growth")}
    assert "must be init for a mlp" in refusal(**grown)


@pytest.mark.parametrize("stddev", [True, 4])
def test_dcgan_has_no_minibatch_stddev(stddev: bool | int) -> None:
    message = refusal(**{**VALID_DCGAN, "train__minibatch_stddev": stddev})
    assert (
        message
        == f"params.yaml: train.minibatch_stddev: a dcgan has false, not {str(stddev).lower()}"
    )


R16 = phase(16, "init", fade=0)


@pytest.mark.parametrize(
    ("text", "growth"),
    [
        (
            "growth.phases.r32.from: must be init for a dcgan, not r16",
            phases(r16=R16, r32=phase(32, "r16")),
        ),
        (
            "growth.phases.r32.from: must be init for a dcgan, not r16",
            phases(r16=R16, r32=phase(32, "r16", fade=0)),
        ),
        (
            "model.name: dcgan is for 8 to 1024 pixels, not for growth.phases.r4",
            {"growth__phases": {"r4": phase(4, "init", fade=0), "r16": R16}},
        ),
    ],
)
def test_no_phase_of_a_dcgan_grows(text: str, growth: dict[str, Any]) -> None:
    """Not beside the final one either: every phase is a stage."""
    final = list(growth["growth__phases"])[-1]
    message = refusal(**{**VALID_DCGAN, **growth, "growth__final": final})
    assert message == f"params.yaml: {text}"


def test_dcgan_may_have_phases_of_several_resolutions_each_from_init() -> None:
    accept(**VALID_DCGAN, growth__phases__r16=R16)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("generator_activation", "relu", "a weak has lrelu, not relu"),
        ("minibatch_discrimination", 100, "a weak has 0, not 100"),
        ("fused_downsampling", True, "a weak has false, not true"),
    ],
)
def test_weak_networks_have_their_own_switches(key: str, value: Any, text: str) -> None:
    accept(**VALID_WEAK)
    message = refusal(**{**VALID_WEAK, f"model__{key}": value})
    assert message == f"params.yaml: model: {key}: {text}"


@pytest.mark.parametrize("norm", ["pixel", "batch", "none"])
@pytest.mark.parametrize("growth", [{}, ONE_PHASE])
def test_weak_networks_may_have_any_norm_and_grow_or_not(norm: str, growth: dict[str, Any]) -> None:
    accept(**VALID_WEAK, model__generator_norm=norm, **growth)


def test_weak_networks_end_at_32_pixels() -> None:
    message = refusal(**VALID_WEAK, growth__final="r16")
    assert message == ("params.yaml: model.name: weak ends with 32 pixels, growth.final is r16")


def test_no_phase_of_the_weak_networks_is_larger_not_even_beside_the_final_one() -> None:
    message = refusal(**VALID_WEAK, growth__phases__r64=phase(64, "r32"))
    assert message == (
        "params.yaml: model.name: weak is for 4 to 32 pixels, not for growth.phases.r64"
    )


STACK = {
    "model__name": "stackgan",
    "model__latent_norm": "none",
    "train__label_conditioning": "matching",
    "dataset__resolution": 64,
    "growth__final": "r64",
    "train__full_resolution": 64,
}
TWO = {"r16": phase(16, "init", fade=0), "r64": phase(64, "r16", fade=0)}


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("growth.phases.r32: the phases of a stackgan are r16 and r64",
         {"growth__phases": {**TWO, "r32": phase(32, "r16", fade=0)}}),
        ("growth.phases.r64.from: must be r16 for a stackgan, not init",
         {"growth__phases": {**TWO, "r64": phase(64, "init", fade=0)}}),
        ("growth.phases.r64.fade_kimg: must be 0, as nothing fades in a stackgan",
         {"growth__phases": {**TWO, "r64": phase(64, "r16")}}),
        ("model.name: stackgan ends with 64 pixels, growth.final is r16",
         {"growth__final": "r16", "train__full_resolution": 16}),
        ("model: latent_size: 3 is not >= 4, which a stackgan needs", {"model__latent_size": 3}),
        ("train.label_conditioning: a stackgan has matching, not acgan",
         {"train__label_conditioning": "acgan"}),
        ("model: latent_norm: a stackgan has none, not latent", {"model__latent_norm": "latent"}),
    ],
)  # fmt: skip
def test_a_stack_is_two_phases_with_labels(text: str, changes: dict[str, Any]) -> None:
    valid = {**STACK, "growth__phases": TWO}
    accept(**valid)
    assert refusal(**{**valid, **changes}) == f"params.yaml: {text}"


# Statistics of a minibatch


@pytest.mark.parametrize("by_phase", [False, True])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model__generator_norm": "batch"},
            "model.generator_norm: batch needs minibatches of two images or more, in training and "
            "in sample.minibatch",
        ),
        (
            {"model__discriminator_norm": "batch"},
            "model.discriminator_norm: batch needs minibatches of two or more",
        ),
        (
            {"model__minibatch_discrimination": 100},
            "model.minibatch_discrimination: needs minibatches of two or more",
        ),
    ],
)
def test_one_image_has_no_others(changes: dict[str, Any], message: str, by_phase: bool) -> None:
    place = "growth__phases__r8__minibatch" if by_phase else "train__minibatch"
    accept(**changes, **{place: 2})
    assert refusal(**changes, **{place: 1}) == f"params.yaml: {message}"


def test_one_image_is_not_drawn_alone_where_it_would_be_normalised_by_itself() -> None:
    accept(sample__minibatch=1)
    accept(sample__minibatch=2, model__generator_norm="batch")
    message = refusal(sample__minibatch=1, model__generator_norm="batch")
    assert message.endswith("in training and in sample.minibatch")


def test_one_image_will_do_without_such_statistics() -> None:
    accept(train__minibatch=1)
    accept(train__minibatch=1, model__discriminator_norm="layer")


# Training


@pytest.mark.parametrize("steps", [2, 5])
def test_updates_at_once_are_one_and_one(steps: int) -> None:
    accept(train__updates="simultaneous")
    accept(train__discriminator_steps=steps)
    message = refusal(train__updates="simultaneous", train__discriminator_steps=steps)
    assert message == (
        "params.yaml: train: updates: simultaneous updates have one D step per G step, "
        f"discriminator_steps is {steps}"
    )


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("model__name", "stylegan", f"'stylegan' is not one of {one_of(SYSTEMS)}"),
        ("model__discriminator_divisor", 0, "0 is not >= 1"),
        ("model__latent_norm", False, "False is not one of 'latent', 'joined' or 'none'"),
        ("model__generator_activation", "elu", "'elu' is not one of 'lrelu' or 'relu'"),
        ("model__first_layer", "odd", "'odd' is not one of 'plain', 'pixel-bias' or 'no-norm'"),
        ("model__latents", "cauchy", "'cauchy' is not one of 'normal' or 'uniform'"),
        (
            "model__generator_norm",
            "layer",
            "'layer' is not one of 'pixel', 'batch', 'response' or 'none'",
        ),
        ("train__optimiser", "momentum", "'momentum' is not one of 'adam' or 'sgd'"),
        ("growth__fade", "cubic", "'cubic' is not one of 'linear', 'smooth' or 'step'"),
        ("model__discriminator_norm", "pixel", "'pixel' is not one of 'none', 'layer' or 'batch'"),
        ("model__minibatch_discrimination", -1, "-1 is not >= 0"),
        ("train__adam_reset", "grow", "'grow' is not one of 'fades', 'growth' or 'never'"),
        ("train__ramp_up_kimg", -1, "-1 is not >= 0.0"),
        ("train__discriminator_steps", 0, "0 is not >= 1"),
        ("train__updates", "both", "'both' is not one of 'alternating' or 'simultaneous'"),
        ("train__loss", "wgan", f"'wgan' is not one of {one_of(LOSSES)}"),
        ("train__r1_gamma", -0.5, "-0.5 is not >= 0.0"),
        ("train__r2_gamma", -0.5, "-0.5 is not >= 0.0"),
        (
            "train__label_conditioning",
            True,
            "True is not one of 'auto', False, 'acgan', 'matching', 'projection' or 'joint'",
        ),
    ],
)
def test_values_of_the_switches(path: str, value: Any, text: str) -> None:
    assert refusal(**{path: value}) == f"params.yaml: {path.replace('__', '.')}: {text}"


def test_row_a_of_table_1_is_accepted() -> None:
    accept(
        **ONE_PHASE,
        model__latent_norm="none",
        model__generator_activation="relu",
        model__generator_norm="batch",
        model__tanh=True,
        model__discriminator_norm="layer",
        model__equalised_lr=False,
        model__fused_downsampling=False,
        train__minibatch_stddev=False,
        train__discriminator_steps=5,
        train__drift=0.0,
    )
