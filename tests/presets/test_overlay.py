"""The overlay language: merging, combining, and what each directive does to the parameters."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgpipe.config import lookup
from pgpipe.errors import UsageError
from pgpipe.presets.overlay import apply, combine, directives, merge, plain


def phase(res: int, origin: str, fade: float, stable: float, **own: Any) -> dict[str, Any]:
    return {"res": res, "from": origin, "fade_kimg": fade, "stable_kimg": stable, **own}


def document() -> dict[str, Any]:
    """Three phases, of which r16 is not in the chain to the final one."""
    phases = {
        "r4": phase(4, "init", 0, 6, learning_rate=0.006),
        "r8": phase(8, "r4", 2.5, 3.5, minibatch=4),
        "r16": phase(16, "r8", 1, 1),
    }
    train = {"minibatch": 8, "learning_rate": 0.002, "mirror": False, "loss": "wgan-gp"}
    return {"growth": {"final": "r8", "fade": "linear", "phases": phases}, "train": train}


def applied(*overlays: dict[str, Any]) -> dict[str, Any]:
    changed = document()
    apply(changed, combine(overlays), "preset mine")
    return changed


def refusal(*overlays: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        applied(*overlays)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix("preset mine: ")


# Merging and combining

values = st.none() | st.integers(0, 3) | st.text("ab", max_size=2)
mappings = st.dictionaries(
    st.sampled_from("xyz"), values | st.dictionaries(st.sampled_from("pq"), values, min_size=1)
)


def test_mapping_is_merged_and_all_else_replaced() -> None:
    merged: dict[str, Any] = {"a": {"x": 1, "y": 2}, "b": [1, 2], "c": 1}
    merge(merged, {"a": {"y": 3, "z": 4}, "b": [3], "c": {"f": 1}})
    assert merged == {"a": {"x": 1, "y": 3, "z": 4}, "b": [3], "c": {"f": 1}}


def test_null_deletes_and_creates_nothing() -> None:
    merged: dict[str, Any] = {"a": {"x": 1}}
    merge(merged, {"a": {"x": None, "y": None}, "b": None, "c": {"d": {"e": None}}})
    assert merged == {"a": {}}
    merge(merged, {"r8": {"res": 8, "minibatch": None, "more": {"x": None}}})
    assert merged == {"a": {}, "r8": {"res": 8}}


@given(mappings)
def test_merging_twice_is_merging_once(overlay: dict[str, Any]) -> None:
    once: dict[str, Any] = {"x": {"p": 1, "q": 2}, "y": 3}
    merge(once, overlay)
    twice = deepcopy(once)
    merge(twice, overlay)
    assert once == twice


@given(mappings, mappings)
def test_overlays_stay_as_they_are(one: dict[str, Any], other: dict[str, Any]) -> None:
    before = repr((one, other))
    merge({"x": 1}, combine([one, other]))
    assert repr((one, other)) == before


def test_later_overlay_wins_also_with_or_over_a_null() -> None:
    found = combine([{"a": {"x": 1, "y": 2}}, {"a": {"x": None, "z": 3}}])
    assert found == {"a": {"x": None, "y": 2, "z": 3}}
    assert combine([{"a": None}, {"a": {"x": 1}}]) == {"a": {"x": 1}}
    assert combine([{"a": {"x": 1}}, {"a": None}]) == {"a": None}


def test_directives_are_no_parameters() -> None:
    stated = {"base": "other", "growing": True, "total": 1, "scale": {}}
    assert applied(stated) == document()


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"growing": "no"}, "growing: 'no'"),
        ({"total": 0}, "total: 0 is not >= 1e-06"),
        ({"total": True}, "total: True"),
        ({"scale": 2}, "scale: 2"),
        ({"scale": {"train.minibatch": -1}}, "scale.train.minibatch: -1 is not >= 1e-06"),
        ({"base": ["a"]}, "base: ['a']"),
    ],
)
def test_bad_directive_is_named(overlay: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        directives(overlay, "presets/mine.yaml")
    assert str(caught.value).startswith(f"presets/mine.yaml: {message}")


# growing


def test_without_growing_the_final_phase_shows_all_images_of_its_chain() -> None:
    alone = applied({"growing": False})["growth"]
    assert alone == {
        "final": "r8",
        "fade": "linear",
        "phases": {"r8": phase(8, "init", 0, 12, minibatch=4)},
    }


def test_without_growing_other_presets_still_state_the_schedule() -> None:
    longer: dict[str, Any] = {"growth": {"final": "r16", "phases": {"r16": {"stable_kimg": 7}}}}
    for order in ([longer, {"growing": False}], [{"growing": False}, longer]):
        assert applied(*order)["growth"]["phases"] == {"r16": phase(16, "init", 0, 20)}


def test_later_growing_undoes_an_earlier_one() -> None:
    assert applied({"growing": False}, {"growing": True}) == document()


def test_what_is_one_phase_already_stays() -> None:
    once = applied({"growing": False})
    twice = deepcopy(once)
    apply(twice, {"growing": False}, "x")
    assert once == twice


def test_growing_again_needs_phases() -> None:
    alone = {"r4": None, "r16": None, "r8": {"from": "init", "fade_kimg": 0}}
    message = "growing: r8 is the only phase; name a preset that states the others too, or restore"
    assert refusal({"growth": {"phases": alone}}, {"growing": True}).startswith(message)


def test_4x4_alone_cannot_grow_from_less() -> None:
    assert applied({"growing": True, "growth": {"final": "r4"}})["growth"]["final"] == "r4"


@pytest.mark.parametrize("directive", [{"growing": False}, {"growing": True}, {"total": 2}])
@pytest.mark.parametrize(
    ("growth", "message"),
    [
        ({"phases": {"r4": None}}, "growth: phases.r8.from: 'r4' is no phase"),
        ({"final": "r32"}, "growth: final: 'r32' is not one of r4, r8, r16"),
        ({"phases": {"r8": {"fade_kimg": "x"}}}, "growth.phases.r8.fade_kimg: 'x'"),
        (
            {"phases": {"r8": {"from": "r8"}}},
            "growth: phases.r8.from: must be init or a phase of fewer pixels",
        ),
        (None, "growth: None"),
    ],
)
def test_directives_need_a_valid_growth(
    directive: dict[str, Any], growth: dict[str, Any] | None, message: str
) -> None:
    assert refusal({"growth": growth}, directive).startswith(message)


# total


@pytest.mark.parametrize("factor", [1.5, 2, 10])
@pytest.mark.parametrize("growing", [True, False])
def test_total_is_a_factor_of_all_images_of_the_chain(factor: float, growing: bool) -> None:
    stated = {"growth": {"phases": {"r8": {"stable_kimg": 3.5}}}, "growing": growing}
    before, after = applied(stated), applied(stated, {"total": factor})
    chain = [after["growth"]["phases"][key] for key in (("r4", "r8") if growing else ("r8",))]
    assert sum(p["fade_kimg"] + p["stable_kimg"] for p in chain) == pytest.approx(12 * factor)
    for key, value in after["growth"]["phases"].items():
        unchanged = {"stable_kimg": value["stable_kimg"]} if key == "r8" else {}
        assert value == {**before["growth"]["phases"][key], **unchanged}


def test_total_of_what_may_be_longer_already_is_refused() -> None:
    assert refusal({"total": 2}).startswith(
        "total: none of these presets sets growth.phases.r8.stable_kimg"
    )


# scale


@pytest.mark.parametrize(
    ("value", "factor", "scaled"),
    [(64, 0.25, 16), (3, 0.5, 2), (1, 0.25, 1), (6, 0.25, 2), (8, 4, 32), (0.0001, 4, 0.0004)],
)
def test_scale_is_a_factor_and_integers_stay_integers(
    value: float, factor: float, scaled: float
) -> None:
    overlays: list[dict[str, Any]] = [{"train": {"n": value}}, {"scale": {"train.n": factor}}]
    for order in (overlays, overlays[::-1]):
        found = applied(*order)["train"]["n"]
        assert (found, type(found)) == (scaled, type(value))


def test_scale_multiplies_the_last_value_once() -> None:
    row, above = {"train": {"minibatch": 16}}, {"train": {"minibatch": 64}}
    data = {"scale": {"train.minibatch": 0.25}}
    assert applied(above, data, row)["train"]["minibatch"] == 4
    assert applied(above, data, row, data)["train"]["minibatch"] == 4


def test_scale_of_what_is_too_large_is_refused() -> None:
    assert "too large" in refusal({"train": {"n": 10**400}}, {"scale": {"train.n": 2.0}})


def test_scale_reaches_into_phases() -> None:
    path = "growth.phases.r8.minibatch"
    overlay = {"growth": {"phases": {"r8": {"minibatch": 32}}}, "scale": {path: 0.5}}
    assert lookup(applied(overlay), path) == 16


@pytest.mark.parametrize("path", ["train.minibatch", "train.minibach", "nothing", "train.n.n"])
def test_scale_of_what_may_be_scaled_already_is_refused(path: str) -> None:
    message = f"scale: none of these presets sets {path}, and what params.yaml has"
    assert refusal({"train": {"n": 1}}, {"scale": {path: 2}}).startswith(message)


@pytest.mark.parametrize("value", [True, "wgan-gp", [1], {"x": 1}])
def test_scale_of_what_is_no_number_is_refused(value: Any) -> None:
    assert "no number" in refusal({"train": {"n": value}}, {"scale": {"train.n": 2}})


@pytest.mark.parametrize(
    ("number", "text"), [(0.0001 * 4, "0.0004"), (0.1 + 0.2, "0.3"), (52.0, "52"), (17600, "17600")]
)
def test_numbers_are_written_as_a_person_would(number: float, text: str) -> None:
    assert str(plain(number)) == text


# replace


def test_replaced_mapping_has_what_is_stated_alone() -> None:
    stated: dict[str, Any] = {"growth": {"final": "r8", "phases": {"r8": phase(8, "init", 0, 9)}}}
    data = {**stated, "replace": ["growth.phases"]}
    assert applied(data)["growth"]["phases"] == {"r8": phase(8, "init", 0, 9)}, "no minibatch of 4"
    own: dict[str, Any] = {
        "growth": {"phases": {"r8": {"minibatch": 2, "ema_half_life_kimg": 1.5}}}
    }
    for order in ([data, own], [own, data]):
        found = applied(*order)["growth"]["phases"]
        assert found == {"r8": phase(8, "init", 0, 9, minibatch=2, ema_half_life_kimg=1.5)}
    assert applied(data)["train"] == document()["train"]


@pytest.mark.parametrize("path", ["growth.phases", "train.loss", "nothing"])
def test_replacing_what_is_not_stated_is_refused(path: str) -> None:
    message = f"replace: {path} is no mapping that these presets state"
    assert refusal({"train": {"loss": "hinge"}, "replace": [path]}) == message


def test_phases_keep_their_own_half_life_alone_and_longer() -> None:
    stated: dict[str, Any] = {
        "growth": {"phases": {"r8": {"stable_kimg": 3.5, "ema_half_life_kimg": 2.5}}},
        "scale": {"growth.phases.r8.ema_half_life_kimg": 2},
    }
    for more in ({}, {"growing": False}, {"total": 2}):
        assert applied(stated, more)["growth"]["phases"]["r8"]["ema_half_life_kimg"] == 5
