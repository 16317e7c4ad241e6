"""The benchmark of the training step: its arithmetic, what it trains, and the command, tiny."""

import json
from pathlib import Path

import pytest
from tinyparams import phase, phases, with_values
from tinyproject import Run

from benchmarks import attainable, systems
from benchmarks.__main__ import app
from benchmarks.counts import flop
from benchmarks.settings import LABELS, Setting, setting_of, settings
from benchmarks.steps import parts_of, training
from benchmarks.train import Speed
from benchmarks.train_table import lines, report
from pgpipe.errors import UsageError
from pgpipe.gan.systems import SYSTEMS
from pgpipe.gan.widths import feature_maps

GROWTH = phases(
    r4=phase(4, "init", 0, 1), r8=phase(8, "r4", 1, 1, minibatch=4), r16=phase(16, "r8", 1, 0)
)
ALONE = """\
# One phase, tiny.
base: quick
growing: false
model: {fmap_base: 16, fmap_max: 4}
train: {threads: 1}
"""


@pytest.fixture
def setting() -> Setting:
    return setting_of(
        with_values(**GROWTH, model__fmap_max=4, train__minibatch=8, train__threads=1), "params"
    )


def speed(rate: float, beside: str = "") -> Speed:
    return Speed("r8", "fade", beside, 16, rate, 2e9, 3e9, 5e9, 0.125, 512_000_000)


def test_a_part_of_a_phase_is_trained_without_end_and_as_the_stage_does(
    setting: Setting, tmp_path: Path
) -> None:
    fading, stable = (training(setting, "r8", part, tmp_path) for part in ("fade", "stable"))
    for trained in (fading, stable):
        before = [p.clone() for p in trained.networks.generator.parameters()]
        for _ in range(300):  # 1200 images: more than either part has
            trained.progress.images += trained.job.step_images
        trained.train_step()
        after = list(trained.networks.generator.parameters())
        assert any(not a.equal(b) for a, b in zip(before, after, strict=True))
        assert trained.job.minibatch == 4
    assert fading.job.phase.part(fading.progress.images) == "fade"
    assert stable.job.phase.part(stable.progress.images) == "stable"


def test_only_parts_that_a_phase_has_are_measured(setting: Setting) -> None:
    found = {key: parts_of(phase) for key, phase in setting.growth.phases.items()}
    assert found == {"r4": ["stable"], "r8": ["fade", "stable"], "r16": ["fade"]}


def test_labels_are_those_of_a_stand_in(setting: Setting, tmp_path: Path) -> None:
    trained = training(setting, "r4", "stable", tmp_path)
    assert setting.spec.classes == LABELS
    _, labels = trained.batches.reals(0, 8)
    assert labels is not None
    assert labels.tolist() == [i % LABELS for i in trained.batches.indices(0, 8)]


def test_speed_is_a_share_of_the_better_of_two_rates() -> None:
    assert speed(rate=2.0).flops == 4e9
    assert speed(rate=2.0).attainable == 5e9


def test_table_says_how_many_times_as_fast_and_how_near_the_best(setting: Setting) -> None:
    found = [speed(rate=2.0), speed(rate=1.0, beside="train.precision=bf16")]
    first, second = (line.split() for line in list(lines({"": setting}, found))[2:])
    assert first[:8] == ["r8", "fade", "16", "2", "1.00", "2", "4", "5"]
    assert first[8:] == ["80%", "12%", "0.51", "GB"]
    assert second[3:5] == ["1", "0.50"]
    assert second[-1] == "train.precision=bf16"
    shares = [row["share"] for row in report({"": setting}, found)["speeds"]]
    assert shares == [0.8, 0.4]


@pytest.mark.usefixtures("with_presets")
def test_small_is_the_network_that_it_says() -> None:
    small = settings([], small=True, beside=[])[""]
    maps = [feature_maps(small.spec, res) for res in (4, 8, 16, 32, 64)]
    assert maps == [64, 64, 64, 64, 32]
    assert small.section.minibatch == 16
    assert {p.minibatch for p in small.growth.phases.values()} == {None}
    assert [key for key, _ in small.growth.chain()] == ["r4", "r8", "r16", "r32", "r64"]


@pytest.mark.usefixtures("with_presets")
def test_beside_changes_one_value_and_nothing_else() -> None:
    text = "train.channels_last=false"
    first, other = settings([], small=False, beside=[text]).values()
    assert first.section.channels_last
    assert other.section == first.section.model_copy(update={"channels_last": False})
    assert (other.spec, other.growth) == (first.spec, first.growth)


@pytest.mark.usefixtures("with_presets")
@pytest.mark.parametrize(
    ("presets", "small", "beside", "named"),
    [
        (["photos-64"], True, [], "--small"),
        ([], False, ["train.no_such_key=1"], "no_such_key"),
        ([], False, ["growth.final=r16"], "growth.final"),
        ([], False, ["train.threads"], "train.threads"),
        ([], False, ["train.threads=-1"], "train.threads"),
        (["no-such-preset"], False, [], "no-such-preset"),
    ],
)
def test_what_makes_no_sense_is_refused(
    presets: list[str], small: bool, beside: list[str], named: str
) -> None:
    with pytest.raises(UsageError, match=named):
        settings(presets, small, beside)


def test_a_fade_costs_operations_that_the_stable_part_saves(
    setting: Setting, tmp_path: Path
) -> None:
    fade, stable = (
        flop(training(setting, "r8", part, tmp_path).train_step) for part in ("fade", "stable")
    )
    assert stable < fade < 2 * stable


@pytest.mark.faults
def test_the_command_measures_with_and_without(
    with_presets: Path, monkeypatch: pytest.MonkeyPatch, command: Run
) -> None:
    (with_presets / "presets/alone.yaml").write_text(ALONE)
    monkeypatch.setitem(attainable.SIDES, "cpu", 24)
    monkeypatch.setitem(attainable.CONVOLUTIONS, "cpu", (2, 6, 8))
    arguments = ["--repeats", "1", "--seconds", "0", "--beside", "train.mirror=true"]
    code, out, _ = command("train", "alone", *arguments, "--json", "found.json", app=app)
    assert code == 0, out
    found = json.loads((with_presets / "found.json").read_text())["speeds"]
    cells = [(row["key"], row["part"], row["beside"]) for row in found]
    assert cells == [("r16", "stable", ""), ("r16", "stable", "train.mirror=true")]
    assert len(out.splitlines()) == 2 + len(found)
    assert all(row["images_per_second"] > 0 and row["peak_bytes"] > 1e8 for row in found)


@pytest.mark.faults
def test_every_system_is_timed_beside_its_plainest_writing(with_presets: None) -> None:
    sizes = {"fmap_base": 16, "fmap_max": 4, "latent_size": 4}
    found = list(systems.measure(1, 0, sizes))
    assert [speed.system for speed in found] == [*SYSTEMS]
    assert all(speed.ours > 0 and speed.plain > 0 for speed in found)
    assert str(found[0]).startswith("pggan: ")
