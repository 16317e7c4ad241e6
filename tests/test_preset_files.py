"""The presets of the repository: valid, buildable, and the paper's settings, from its tables."""

import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from pgpipe import presets
from pgpipe.config import leaves, load_yaml
from pgpipe.data.config import DatasetSection
from pgpipe.errors import UsageError
from pgpipe.nets.config import NetworkSpec
from pgpipe.nets.weights import names
from pgpipe.schedule import Phase
from stages.check import Params, check

ROOT = Path(__file__).parent.parent
NAMES = sorted(file.stem for file in (ROOT / "presets").glob("*.yaml"))
DATASETS = get_args(DatasetSection.model_fields["name"].annotation)

ROWS = ["a", "b", "c", "d", "e-star", "e", "f", "g", "h"]
DATA = ["celeba", "lsun-bedroom", "photos"]
PARTS = {"table1-h", "table1-photos"}  # multiply what another preset states
WHOLE = [
    *([name] for name in NAMES if name not in PARTS),
    *([f"table1-{row}", f"table1-{data}"] for row in ROWS for data in DATA),
    *([f"table1-{row}", "photos-64"] for row in ROWS),
    *([f"mnist-1k-{step}", data] for step in "abcd" for data in ("mnist-1k", "digits-1k")),
]

Preset = list[str]
each_whole = pytest.mark.parametrize("chosen", WHOLE, ids=" ".join)
each_pair = pytest.mark.parametrize("chosen", [c for c in WHOLE if len(c) == 2], ids=" ".join)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with this project's params.yaml and presets as the current one."""
    shutil.copy(ROOT / "tests/params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.chdir(tmp_path)


@cache
def merged(*chosen: str) -> Any:
    """With the parameters that every test starts with."""
    return presets.merged(list(chosen))


def params_of(*chosen: str) -> Params:
    document = merged(*chosen)
    if document["dataset"]["name"] not in DATASETS:
        pytest.skip("its data set is not there yet")
    return check(document, " ".join(chosen))


def phases_of(*chosen: str) -> dict[int, Phase]:
    """The phases that lead to the final one, by resolution."""
    return {phase.res: phase for _, phase in params_of(*chosen).growth.chain()}


def total_kimg(*chosen: str) -> float:
    return sum(phase.images for phase in phases_of(*chosen).values()) / 1000


def spec_of(params: Params) -> NetworkSpec:
    return NetworkSpec(
        **params.model.model_dump(),
        channels=params.dataset.channels,
        classes=10 if params.train.label_conditioning else 0,
        minibatch_stddev=params.train.minibatch_stddev,
    )


def settings(*chosen: str) -> dict[str, Any]:
    """The merged parameters by dotted path."""
    return dict(leaves(merged(*chosen)))


def between(above: Preset, below: Preset) -> dict[str, Any]:
    """What the one below sets otherwise."""
    old, new = settings(*above), settings(*below)
    return {path: new.get(path) for path in {**old, **new} if old.get(path) != new.get(path)}


# Every preset


@each_whole
def test_params_are_valid_and_networks_can_be_built(chosen: Preset) -> None:
    params = params_of(*chosen)
    spec = spec_of(params)
    for key, phase in params.growth.phases.items():
        assert names(spec, phase.res), key


@each_pair
def test_order_does_not_matter(chosen: Preset) -> None:
    assert settings(*chosen) == settings(*reversed(chosen))


@each_whole
def test_params_keep_their_comments_and_a_phase_is_a_line(chosen: Preset) -> None:
    before = Path("params.yaml").read_text()
    presets.write(merged(*chosen))
    after = Path("params.yaml").read_text()
    assert re.findall(r"#.*", before) == re.findall(r"#.*", after)
    for key in merged(*chosen)["growth"]["phases"]:
        assert re.search(rf"^    {key}: {{res: .*}}$", after, re.MULTILINE)


@each_whole
def test_second_time_changes_nothing(chosen: Preset) -> None:
    presets.write(merged(*chosen))
    if chosen == ["table1-a", "photos-64"]:  # grows the r32 of params.yaml, which (a) removed
        with pytest.raises(UsageError, match=r"phases\.r64\.from: 'r32' is no phase"):
            presets.merged(chosen)
    else:
        assert presets.merged(chosen) == merged(*chosen)


@each_whole
def test_every_change_is_said_within_100_columns(chosen: Preset) -> None:
    lines = presets.changes(chosen)
    assert lines[: len(chosen)] == [presets.titles()[name] for name in chosen]
    assert all(len(line) <= 100 for line in lines)
    said = "\n".join(lines)
    assert all(path in said for path in between([], chosen) if not path.startswith("growth.phases"))


def test_title_is_one_line_of_a_list() -> None:
    assert len(presets.listing()) == len(NAMES)


@pytest.mark.parametrize("name", sorted(PARTS))
def test_what_multiplies_is_refused_alone(name: str) -> None:
    with pytest.raises(UsageError, match="none of these presets sets"):
        presets.merged([name])


# Table 1 (section 3 of the paper): each row is the one above it but for this

ROW_A = {
    "model.name": "pggan",
    "model.fmap_base": 2048,
    "model.fmap_max": 512,
    "model.discriminator_divisor": 1,
    "model.latent_size": 128,
    "model.latent_norm": "none",
    "model.generator_activation": "relu",
    "model.generator_norm": "batch",
    "model.tanh": True,
    "model.discriminator_norm": "layer",
    "model.minibatch_discrimination": 0,
    "model.equalised_lr": False,
    "model.fused_downsampling": False,
    "train.minibatch": 64,
    "train.learning_rate": 0.0001,
    "train.adam_beta1": 0,
    "train.adam_beta2": 0.9,
    "train.adam_epsilon": 1e-8,
    "train.adam_reset": "fades",
    "train.ramp_up_kimg": 0,
    "train.discriminator_steps": 5,
    "train.updates": "alternating",
    "train.ema_half_life_kimg": 11.08,
    "train.loss": "wgan-gp",
    "train.gradient_penalty": 10,
    "train.gradient_target": 1,
    "train.gradient_at": "full",
    "train.drift": 0,
    "train.minibatch_stddev": False,
    "train.label_conditioning": False,
}
CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("b", "c"): {"train.minibatch": 16},
    ("c", "d"): {
        "train.discriminator_steps": 1,
        "train.adam_beta2": 0.99,
        "train.drift": 0.001,
        "model.latent_size": 512,
        "model.latent_norm": "latent",
        "model.generator_activation": "lrelu",
        "model.generator_norm": "none",
        "model.discriminator_norm": "none",
        "model.tanh": False,
    },
    ("d", "e-star"): {"model.minibatch_discrimination": 100},
    ("d", "e"): {"train.minibatch_stddev": True},
    ("e", "f"): {"model.equalised_lr": True, "train.learning_rate": 0.001},
    ("f", "g"): {"model.generator_norm": "pixel"},
    ("g", "h"): {"model.fmap_base": 8192, "growth.phases.r128.stable_kimg": 12000},
}
OF_DATA = {"full_resolution", "mirror", "tick_kimg"}
OF_NO_ROW = {"seed", "r1_gamma", "r2_gamma", "label_weight"}  # unread by wgan-gp without labels
OF_THE_MACHINE = {"device", "threads", "precision", "channels_last", "data_on_device"}
OF_THE_MACHINE |= {"checkpoint_minutes"}


def test_row_a_is_gulrajani_and_names_all_that_makes_a_method() -> None:
    found = settings("table1-a", "table1-celeba")
    for path in load_yaml(Path("presets/table1-a.yaml"))["growth"]["phases"]:
        assert f"growth.phases.{path}.learning_rate" not in found
    method = {path: v for path, v in found.items() if path.startswith(("model.", "train."))}
    others = {f"train.{key}" for key in OF_DATA | OF_NO_ROW | OF_THE_MACHINE}
    assert {path: v for path, v in method.items() if path not in others} == ROW_A


@pytest.mark.parametrize("data", ["celeba", "lsun-bedroom"])
@pytest.mark.parametrize(("above", "below"), CHANGES)
def test_row_is_the_row_above_but_for_the_papers_change(above: str, below: str, data: str) -> None:
    rows = [[f"table1-{row}", f"table1-{data}"] for row in (above, below)]
    assert between(*rows) == CHANGES[above, below]


def test_row_b_grows_row_a_with_as_many_images() -> None:
    a, b = (["table1-a", "table1-celeba"], ["table1-b", "table1-celeba"])
    assert {path.split(".")[0] for path in between(a, b)} == {"growth"}
    assert list(phases_of(*a)) == [128]
    assert list(phases_of(*b)) == [4, 8, 16, 32, 64, 128]
    assert total_kimg(*a) == total_kimg(*b) == 10_000


def test_half_life_is_the_decay_of_every_row() -> None:
    """0.999^20 at 64 x 5 images a step of G, 0.999^5 at 16 x 5, 0.999 at 16."""
    for row, power in {"a": 20, "b": 20, "c": 5, "d": 1, "g": 1}.items():
        train = params_of(f"table1-{row}", "table1-celeba").train
        decay = train.ema_decay(train.minibatch * train.discriminator_steps)
        assert decay == pytest.approx(0.999**power, rel=1e-5)


def test_data_sets_of_table_1() -> None:
    celeba, lsun = (settings("table1-g", f"table1-{name}") for name in ("celeba", "lsun-bedroom"))
    assert {k: (v, lsun[k]) for k, v in celeba.items() if v != lsun[k]} == {
        "dataset.path": ("data/celeba", "data/lsun-bedroom"),
        "train.mirror": (True, False),
    }
    paper = {"sample.images": 20000, "score.swd_images": 16384, "score.ms_ssim_pairs": 10000}
    assert celeba.items() >= paper.items()


@pytest.mark.parametrize("before", [c for c in WHOLE if len(c) == 1], ids=" ".join)
def test_rows_mean_the_same_whatever_stood_in_params(before: Preset) -> None:
    row = ["table1-b", "table1-lsun-bedroom"]
    expected = settings(*row)
    presets.write(merged(*before))
    methods = [path for path in expected if path.startswith(("growth", "model", "train"))]
    found = dict(leaves(presets.merged(row)))
    assert {path: found.get(path) for path in methods} == {path: expected[path] for path in methods}
    assert not {path for path in found.keys() - expected.keys() if path.startswith("growth")}


# Schedules: 800 + 800 kimg (or as stated) a resolution, the last until the total


@pytest.mark.parametrize(
    ("chosen", "final", "kimg", "total"),
    [
        (["table1-g", "table1-celeba"], 128, 800, 10_000),
        (["table1-h", "table1-celeba"], 128, 800, 20_000),
        (["table1-g", "table1-photos"], 32, 6, 60),
        (["table1-h", "table1-photos"], 32, 6, 120),
        (["paper-128"], 128, 800, 10_000),
        (["cifar10"], 32, 400, 20_000),
        (["cifar10-large"], 32, 400, 20_000),
        (["celeba-hq-1024"], 1024, 800, 19_000),
        (["celeba-hq-1024-v2-1gpu"], 1024, 600, 12_000),
        (["celeba-hq-1024-v2-8gpus"], 1024, 600, 12_000),
        (["lsun-256"], 256, 800, 20_000),
        (["mnist-1k-d", "mnist-1k"], 32, 400, 10_000),
        (["mnist-1k-d", "digits-1k"], 32, 10, 110),
    ],
)
def test_schedule(chosen: Preset, final: int, kimg: int, total: int) -> None:
    phases = phases_of(*chosen)
    assert list(phases) == [1 << s for s in range(2, final.bit_length())]
    assert [phase.fade_kimg for phase in phases.values()] == [0] + [kimg] * (len(phases) - 1)
    assert {phase.stable_kimg for res, phase in phases.items() if res < final} == {kimg}
    assert total_kimg(*chosen) == total
    assert params_of(*chosen).train.full_resolution == final


FROM_4 = [1 << s for s in range(2, 11)]
MINIBATCHES = {
    "celeba-hq-1024": [16, 16, 16, 16, 16, 16, 14, 6, 3],
    "celeba-hq-1024-v2-1gpu": [128, 128, 128, 64, 32, 16, 8, 4, 4],
    "celeba-hq-1024-v2-8gpus": [512, 256, 128, 64, 32, 32, 32, 32, 32],
}
RATES = {
    "celeba-hq-1024": {},
    "celeba-hq-1024-v2-1gpu": {1024: 0.0015},
    "celeba-hq-1024-v2-8gpus": {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003},
}


@pytest.mark.parametrize("name", MINIBATCHES)
def test_high_resolution(name: str) -> None:
    params, phases = params_of(name), phases_of(name)
    train = params.train
    assert list(phases) == FROM_4
    assert [p.minibatch or train.minibatch for p in phases.values()] == MINIBATCHES[name]
    rates = {res: p.learning_rate or train.learning_rate for res, p in phases.items()}
    assert rates == {res: RATES[name].get(res, 0.001) for res in FROM_4}
    last = phases[1024].minibatch
    assert last
    assert train.ema_decay(last) == pytest.approx(0.999, rel=1e-5)
    assert train.mirror
    tensorflow = "v2" in name
    assert train.minibatch_stddev == (4 if tensorflow else True)
    assert train.ramp_up_kimg == (0 if tensorflow else 40)
    assert params.model.fused_downsampling is tensorflow
    assert params.model.latent_norm == ("joined" if tensorflow else "latent")
    model = params.model
    assert (model.fmap_base, model.fmap_max, model.latent_size) == (8192, 512, 512)


# The others


def test_paper_128_is_row_g_with_the_full_network() -> None:
    found = between(["table1-g", "table1-lsun-bedroom"], ["paper-128"])
    assert found == {"model.fmap_base": 8192, "dataset.path": "data/own"}


def weights_in(name: str) -> tuple[int, int]:
    """Of G and D at 32x32, with the toRGB and fromRGB of all resolutions."""
    shapes = names(spec_of(params_of(name)), 32)
    g, d = (
        sum(shape.numel() for path, shape in shapes if path.startswith(net))
        for net in ("generator", "discriminator")
    )
    return g, d


def test_cifar10_has_the_papers_numbers_of_weights() -> None:
    g, d = weights_in("cifar10")
    assert (round(g / 1e6, 3), round(d / 1e6, 3)) == (1.297, 1.299)
    assert [round(count / 1e6, 1) for count in weights_in("cifar10-large")] == [20.7, 20.7]


def test_cifar10_is_row_g_but_for_the_papers_change() -> None:
    found = between(["table1-g", "table1-lsun-bedroom"], ["cifar10"])
    method = {path: v for path, v in found.items() if path.startswith(("model", "train"))}
    assert method == {
        "model.fmap_base": 4096,
        "model.fmap_max": 128,
        "model.latent_size": 128,
        "train.gradient_target": 750,
        "train.updates": "simultaneous",
        "train.full_resolution": 32,
    }
    assert between(["cifar10"], ["cifar10-large"]) == {
        "model.fmap_base": 8192,
        "model.fmap_max": 512,
        "model.latent_size": 512,
    }


STEPS: dict[tuple[str, str], dict[str, Any]] = {
    ("a", "b"): {
        "model.equalised_lr": True,
        "model.generator_norm": "pixel",
        "model.discriminator_norm": "none",
    },
    ("b", "c"): {"train.minibatch_stddev": True},
}


@pytest.mark.parametrize("data", ["mnist-1k", "digits-1k"])
def test_steps_of_the_discrete_mode_test(data: str) -> None:
    for (above, below), change in STEPS.items():
        assert between([f"mnist-1k-{above}", data], [f"mnist-1k-{below}", data]) == change
    c, d = (["mnist-1k-c", data], ["mnist-1k-d", data])
    assert {path.split(".")[0] for path in between(c, d)} == {"growth"}
    assert total_kimg(*c) == total_kimg(*d)
    assert (list(phases_of(*c)), list(phases_of(*d))) == ([32], [4, 8, 16, 32])


def test_dcgan_sees_as_many_images_as_photos_64_in_one_phase() -> None:
    assert list(phases_of("dcgan-64")) == [64]
    assert total_kimg("dcgan-64") == total_kimg("photos-64")
    train = params_of("dcgan-64").train
    assert (train.learning_rate, train.adam_beta1, train.adam_beta2) == (0.0002, 0.5, 0.999)


def test_photographs_of_table_1_have_small_networks_and_minibatches() -> None:
    a, h = (params_of(f"table1-{row}", "table1-photos") for row in "ah")
    assert (a.model.fmap_base, a.model.fmap_max, a.model.latent_size) == (256, 32, 16)
    assert (h.model.fmap_base, h.model.fmap_max, h.model.latent_size) == (1024, 32, 64)
    assert (a.train.minibatch, h.train.minibatch) == (16, 4)
    assert (a.train.learning_rate, h.train.learning_rate) == (0.0004, 0.004)
