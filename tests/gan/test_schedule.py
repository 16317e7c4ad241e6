"""Growth as a function of images seen, against the paper's schedule written out as a table."""

from typing import Any

import numpy as np
import pytest

from pgpipe.config import validate
from pgpipe.errors import UsageError
from pgpipe.gan.schedule import GrowthSection, Phase, kimg

# The paper's Table 1 runs: 4x4 for 800 kimg, then 800 of fade and 800 of stabilisation for every
# doubling, 128x128 up to 10,000 kimg.
PAPER: dict[str, Any] = {
    "final": "r128",
    "fade": "linear",
    "phases": {
        "r4": {"res": 4, "from": "init", "fade_kimg": 0, "stable_kimg": 800},
        "r8": {"res": 8, "from": "r4", "fade_kimg": 800, "stable_kimg": 800},
        "r16": {"res": 16, "from": "r8", "fade_kimg": 800, "stable_kimg": 800},
        "r32": {"res": 32, "from": "r16", "fade_kimg": 800, "stable_kimg": 800},
        "r64": {"res": 64, "from": "r32", "fade_kimg": 800, "stable_kimg": 800},
        "r128": {"res": 128, "from": "r64", "fade_kimg": 800, "stable_kimg": 2000},
    },
}

# kimg of the whole run -> resolution, weight of its layers, part
TABLE = [
    (0, 4, 1.0, "stable"),
    (799, 4, 1.0, "stable"),
    (800, 8, 0.0, "fade"),
    (801, 8, 1 / 800, "fade"),
    (1000, 8, 0.25, "fade"),
    (1200, 8, 0.5, "fade"),
    (1599, 8, 799 / 800, "fade"),
    (1600, 8, 1.0, "stable"),
    (2399, 8, 1.0, "stable"),
    (2400, 16, 0.0, "fade"),
    (2800, 16, 0.5, "fade"),
    (3200, 16, 1.0, "stable"),
    (4000, 32, 0.0, "fade"),
    (4400, 32, 0.5, "fade"),
    (4800, 32, 1.0, "stable"),
    (5600, 64, 0.0, "fade"),
    (6000, 64, 0.5, "fade"),
    (6400, 64, 1.0, "stable"),
    (7200, 128, 0.0, "fade"),
    (7600, 128, 0.5, "fade"),
    (8000, 128, 1.0, "stable"),
    (9999, 128, 1.0, "stable"),
]


def growth(**changes: Any) -> GrowthSection:
    return validate(GrowthSection, {**PAPER, **changes}, "params.yaml")


def phase(**changes: Any) -> Phase:
    values = {"res": 8, "from": "r4", "fade_kimg": 3, "stable_kimg": 5, **changes}
    return validate(Phase, values, "params.yaml")


def position(section: GrowthSection, images: int) -> tuple[Phase, int]:
    """The phase that a run is in after `images`, and the images of that phase."""
    for _, current in section.chain():
        if images < current.images:
            return current, images
        images -= current.images
    raise AssertionError("the run is over")


@pytest.mark.parametrize(("at", "resolution", "fade", "part"), TABLE)
def test_paper_schedule(at: int, resolution: int, fade: float, part: str) -> None:
    current, seen = position(growth(), 1000 * at)
    assert current.res == resolution
    assert current.fade(seen) == pytest.approx(fade, abs=1e-15)
    assert current.part(seen) == part


def test_paper_schedule_ends_at_10_000_kimg() -> None:
    assert sum(current.images for _, current in growth().chain()) == 10_000_000


def test_fade_is_exactly_0_at_its_start_and_exactly_1_at_its_end() -> None:
    current = phase(fade_kimg=0.7)
    assert [current.fade(0), current.fade(700)] == [0.0, 1.0]
    assert [current.part(699), current.part(700)] == ["fade", "stable"]


def test_fade_is_linear_in_images() -> None:
    current = phase()
    assert [current.fade(n) for n in (300, 600, 1500, 2999)] == [0.1, 0.2, 0.5, 2999 / 3000]


def test_fades_of_other_shapes() -> None:
    smooth, step = (phase(fade_shape=shape) for shape in ("smooth", "step"))
    t = np.arange(0, 1.01, 0.05)
    found = [smooth.fade(round(3000 * x)) for x in t]
    np.testing.assert_allclose(found, 3 * t**2 - 2 * t**3, atol=1e-12)
    assert {step.fade(n) for n in (0, 1, 2999, 3000)} == {1.0}
    assert step.part(0) == "fade", "for as many images, after which moments are reset"


def test_a_phase_has_the_shape_of_the_section_unless_it_states_its_own() -> None:
    assert phase().with_shape("smooth").fade_shape == "smooth"
    assert phase(fade_shape="step").with_shape("smooth").fade_shape == "step"
    assert phase(fade_kimg=0).with_shape("smooth") == phase(fade_kimg=0), "nothing to fade"


def test_fade_never_exceeds_1() -> None:
    assert [phase().fade(n) for n in (3000, 3001, 8000, 10**9)] == [1.0] * 4


def test_fade_never_decreases() -> None:
    fades = [phase().fade(n) for n in range(0, 9000, 7)]
    assert fades == sorted(fades)


def test_without_a_fade_all_is_stable_at_full_weight() -> None:
    current = phase(fade_kimg=0)
    assert [current.fade(0), current.fade(5000)] == [1.0, 1.0]
    assert current.part(0) == "stable"


def test_without_a_stable_part_the_whole_phase_fades() -> None:
    current = phase(stable_kimg=0)
    assert current.images == 3000
    assert current.part(current.images - 1) == "fade"


@pytest.mark.parametrize(
    ("fade", "stable", "images"),
    [
        (800, 800, 1_600_000),
        (0, 600, 600_000),
        (0.5, 0, 500),
        (0.1, 0.2, 300),
        (1.0005, 0.001, 1001),
    ],
)
def test_images_of_a_phase(fade: float, stable: float, images: int) -> None:
    current = phase(fade_kimg=fade, stable_kimg=stable)
    assert current.images == images
    assert current.fade_images <= current.images


def test_kimg_is_thousands() -> None:
    assert kimg(11_080) == 11.08


def test_chain_is_in_order_of_growth_whatever_the_order_of_the_file() -> None:
    turned = dict(reversed(PAPER["phases"].items()))
    keys = [key for key, _ in growth(phases=turned).chain()]
    assert keys == ["r4", "r8", "r16", "r32", "r64", "r128"]


def test_chain_to_a_phase_ends_with_it() -> None:
    assert [key for key, _ in growth().chain("r16")] == ["r4", "r8", "r16"]
    assert [key for key, _ in growth().chain("r4")] == ["r4"]


def test_chain_leads_to_the_final_phase_and_leaves_others_out() -> None:
    assert [key for key, _ in growth(final="r8").chain()] == ["r4", "r8"]


def test_a_run_without_growing_is_a_chain_of_one() -> None:
    lone = {"r128": {"res": 128, "from": "init", "fade_kimg": 0, "stable_kimg": 10_000}}
    section = growth(phases=lone)
    assert [key for key, _ in section.chain()] == ["r128"]
    assert position(section, 0)[0].fade(0) == 1.0


def test_what_a_phase_may_state_defaults_to_the_section_train() -> None:
    assert phase().minibatch is None
    assert phase().learning_rate is None
    assert phase().ema_half_life_kimg is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"res": 12}, "params.yaml: res: 12 is not a power of two; near: 8, 16"),
        ({"res": 2}, "res: 2 is not >= 4"),
        ({"res": 2048}, "res: 2048 is not <= 1024"),
        ({"res": 8.0}, "res: 8.0: "),
        ({"fade_kimg": -1}, "fade_kimg: -1 is not >= 0"),
        ({"stable_kimg": -0.5}, "stable_kimg: -0.5 is not >= 0"),
        ({"stable_kimg": float("inf")}, "stable_kimg: inf: "),
        ({"fade_kimg": float("nan")}, "fade_kimg: nan"),
        ({"fade_kimg": "3"}, "fade_kimg: '3': "),
        ({"fade_kimg": 0, "stable_kimg": 0}, "both 0: the phase would not train"),
        ({"fade_kimg": 1e-4, "stable_kimg": 1e-4}, "the phase would not train"),
        ({"from": "init"}, "fade_kimg must be 0 in a phase from init: it has no older layers"),
        ({"minibatch": 0}, "minibatch: 0 is not >= 1"),
        ({"learning_rate": 0.0}, "learning_rate: 0.0 is not >= 1e-12"),
        ({"ema_half_life_kimg": 0.0}, "ema_half_life_kimg: 0.0 is not >= 0.001"),
        ({"fade_kimgs": 3}, "fade_kimgs: unknown key; did you mean fade_kimg?"),
    ],
)
def test_refused_phase(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        phase(**changes)
    assert message in str(refusal.value)


@pytest.mark.parametrize("key", ["res", "from", "fade_kimg", "stable_kimg"])
def test_incomplete_phase_is_refused(key: str) -> None:
    values = {"res": 8, "from": "r4", "fade_kimg": 3, "stable_kimg": 5}
    del values[key]
    with pytest.raises(UsageError, match=f"^params.yaml: {key}: missing"):
        validate(Phase, values, "params.yaml")


R4 = PAPER["phases"]["r4"]
R8 = PAPER["phases"]["r8"]
R16 = PAPER["phases"]["r16"]


@pytest.mark.parametrize(
    ("final", "phases", "message"),
    [
        ("r8", {"r4": R4, "r08": R8}, "r08: a phase of resolution 8 is called r8"),
        ("r8", {"r4": R4, "r8": R16}, "r8: a phase of resolution 16 is called r16"),
        ("r16", {"r4": R4, "r8": R8}, "final: 'r16' is not one of r4, r8"),
        ("r8", {"r8": R8}, "phases.r8.from: 'r4' is no phase and not init"),
        ("r8", {"r8": {**R8, "from": "r8"}}, "phases.r8.from: must be init or a phase of"),
        (
            "r8",
            {"r8": {**R8, "from": "r16"}, "r16": {**R16, "from": "r8"}},
            "phases.r8.from: must be init or a phase of",
        ),
        (
            "r4",
            {"r4": {**R4, "from": "r8"}, "r8": R8},
            "phases.r4.from: must be init or a phase of",
        ),
        ("r4", {"r4": {**R4, "res": 5}}, "phases.r4.res: 5 is not a power of two; near: 4, 8"),
    ],
)
def test_refused_growth(final: str, phases: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        growth(final=final, phases=phases)
    assert message in str(refusal.value)


def test_no_phases_are_refused() -> None:
    with pytest.raises(UsageError, match="final: 'r4' is not one of"):
        growth(final="r4", phases={})
