"""Presets, networks and protocols are those of tests/official.py, figure by figure."""

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import official
import pytest
from merging import Preset, merged, params_of, spec_of
from official import EXPERIMENTS, Settings

from pgpipe.config import leaves, load_yaml
from pgpipe.errors import UsageError
from pgpipe.gan.config import TrainSection
from pgpipe.gan.weights import names
from pgpipe.metrics import modes, ms_ssim, patches, swd
from pgpipe.presets import files as presets
from pgpipe.presets.overlay import apply, combine
from pgpipe.reporting import ablation_table
from pgpipe.studies import table1
from pgpipe.training.job import Job

pytestmark = pytest.mark.usefixtures("with_presets")

OF_A_PHASE = ("minibatch", "learning_rate", "ema_half_life_kimg")  # or of train, without its own
ROUNDED = 1e-3  # half-lives are written with three or four digits

# What presets state that no source fixes: how often it is looked at, the machine, our classifier
OURS = {  # what the paper and its codes have none of
    *("train.tick_kimg", "train.quick_images", "train.threads"),
    *("reference.classifier_kimg", "score.classifier_splits"),
}

each = pytest.mark.parametrize("chosen", EXPERIMENTS, ids=" ".join)


def settings_of(document: Mapping[str, Any]) -> Settings:
    """A params.yaml by path; what a phase may state, of each resolution, whoever states it."""
    sections = ("dataset", "model", "train", "reference", "sample", "score")
    found = dict(leaves({name: document[name] for name in sections}))
    of_train = {name: found.pop(f"train.{name}") for name in OF_A_PHASE}
    found |= {"resolutions": [], "kimg": 0}
    for phase in chain(document["growth"]):
        resolution = phase["res"]
        found["resolutions"].insert(0, resolution)
        found["kimg"] += phase["fade_kimg"] + phase["stable_kimg"]
        found |= {f"{name}@{resolution}": phase[name] for name in ("fade_kimg", "stable_kimg")}
        found |= {f"{name}@{resolution}": phase.get(name, of_train[name]) for name in OF_A_PHASE}
    return found


def chain(growth: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The phases from the last to the first."""
    key = growth["final"]
    while key != "init":
        phase = growth["phases"][key]
        yield phase
        key = phase["from"]


def differences(document: Mapping[str, Any], wanted: Settings) -> dict[str, Any]:
    """What is not as it should be, found and wanted, by path."""
    found = settings_of(document)
    per_phase = {path for path in found if "@" in path}
    return {
        path: (found.get(path), wanted.get(path))
        for path in wanted.keys() | per_phase
        if not same(path, found.get(path), wanted.get(path))
    }


def same(path: str, a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, int | float):
        return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)
    return math.isclose(a, b, rel_tol=ROUNDED if "half_life" in path else 1e-9)


@pytest.mark.slow
@each
def test_preset_is_the_official_setting(chosen: tuple[str, ...]) -> None:
    assert differences(merged(*chosen), EXPERIMENTS[chosen]) == {}
    params_of(*chosen)  # and may be trained


# The table bites


def overlay_of(*chosen: str) -> dict[str, Any]:
    return combine(overlay for name in chosen for overlay in presets.lineage(name))


def altered(value: Any) -> Any:
    """Another value of the same kind."""
    return not value if isinstance(value, bool) else 2 * value or 1


def figures(overlay: Mapping[str, Any]) -> list[str]:
    """The dotted paths of all numbers and switches that presets state, but for what is ours."""
    stated = leaves({name: value for name, value in overlay.items() if name != "growing"})
    return [path for path, v in stated if isinstance(v, int | float) and path not in OURS]


def with_other(overlay: dict[str, Any], path: str) -> dict[str, Any]:
    """The overlay with one figure altered; `scale` has dotted paths for keys."""
    changed = deepcopy(overlay)
    if path.startswith("scale."):
        section, key = changed["scale"], path.removeprefix("scale.")
    else:
        *above, key = path.split(".")
        section = changed
        for name in above:
            section = section[name]
    section[key] = altered(section[key])
    return changed


@cache
def bare() -> Any:
    return load_yaml(Path("params.yaml"))


@pytest.mark.slow
@each
def test_every_figure_of_a_preset_is_held(chosen: tuple[str, ...]) -> None:
    overlay, unheld = overlay_of(*chosen), []
    paths = figures(overlay)
    assert len(paths) > 30
    for path in paths:
        document = deepcopy(bare())
        try:
            apply(document, with_other(overlay, path), "a preset")
        except UsageError:  # no chain of phases any more
            assert path.startswith("growth.phases")
        else:
            unheld += [] if differences(document, EXPERIMENTS[chosen]) else [path]
    assert unheld == []


OF_STUDIES = ("conditions-", "relatives-", "stack-", "fashion-", "precision-")


def test_every_preset_of_the_papers_experiments_is_held() -> None:
    held = {name for chosen in EXPERIMENTS for name in chosen}
    ours = {
        "default",
        "quick",
        "photos-64",
        "table1-photos",
        "table1-fashion-mnist",
        "digits-1k",
        "digits-1k-k2",
        "dcgan-64",
        "emoji",
        *(n for n in presets.titles() if n.startswith(OF_STUDIES)),
        *("finetune", "finetune-flat", "finetune-grown", "own-300"),
        *("growth-grown", "growth-flat", "cifar10-photos", "cifar10-digits-1k"),
        *("fade-linear", "fade-smooth", "fade-step", "gan-2014"),
    }
    assert held | ours == set(presets.titles())


# Whatever stood in params.yaml before

BEFORE: list[Preset] = [
    ["celeba-hq-1024-v2-8gpus"],
    ["lsun-256"],
    ["cifar10-large"],
    ["dcgan-64"],
    ["table1-c", "table1-celeba"],
    ["mnist-1k-a", "digits-1k"],
]
OWN = {
    "name": "folder",
    "crop": "box",
    "boxes": "b.csv",
    "labels": "l.csv",
    "list": "l.txt",
    "classes": ["a"],
    "images": 70,
    "lanczos_resolution": 1024,
}


@pytest.mark.slow
@each
def test_preset_means_the_same_whatever_stood_in_params(chosen: tuple[str, ...]) -> None:
    starts = [deepcopy(merged(*before)) for before in BEFORE]
    starts.append({**deepcopy(bare()), "dataset": {**bare()["dataset"], **OWN}})
    for document in starts:
        apply(document, overlay_of(*chosen), "presets")
        assert differences(document, EXPERIMENTS[chosen]) == {}


# What training makes of it


@pytest.mark.parametrize("name", official.HIGH)
def test_average_keeps_0_999_a_step_whatever_the_minibatch(name: str) -> None:
    params = params_of(name)
    for key, phase in params.growth.chain():
        job = Job(key, phase, params.train, spec_of(params), {}, 0, [])
        section: TrainSection = job.step_section
        assert section.ema_decay(job.step_images) == pytest.approx(0.999, rel=1e-6)


@pytest.mark.parametrize(
    ("row", "power"), [("a", 20), ("b", 20), ("c", 5), ("d", 1), ("g", 1), ("h", 1)]
)
def test_average_of_table_1_is_as_long_whatever_the_steps(row: str, power: int) -> None:
    train = params_of(f"table1-{row}", "table1-celeba").train
    decay = train.ema_decay(train.minibatch * train.discriminator_steps)
    assert decay == pytest.approx(0.999**power, rel=1e-5)


# Networks


def counted(*chosen: str) -> dict[str, int]:
    """Parameters of both networks at the final resolution."""
    params = params_of(*chosen)
    final = params.growth.phases[params.growth.final].res
    count = {"generator": 0, "discriminator": 0}
    for path, shape in names(spec_of(params), final):
        count[path.partition(".")[0]] += shape.numel()
    return count


def test_formulas_give_the_papers_sums() -> None:
    g, d = official.count_generator, official.count_discriminator
    full = {"generator": g(1024, 8192, 512, 512), "discriminator": d(1024, 8192, 512, True)}
    assert full == official.COUNTS
    rgb = sum(3 * official.maps(r, 8192, 512) for r in official.resolutions(512))
    assert full["generator"] - rgb - 8 * 3 == official.ALONE["generator"]
    others = sum(official.maps(r, 8192, 512) for r in official.resolutions(512))
    assert full["discriminator"] - 4 * others == official.ALONE["discriminator"]


PLAIN = [  # whose layers have weights and biases alone
    chosen
    for chosen, wanted in EXPERIMENTS.items()
    if wanted["model.name"] == "pggan"
    and wanted["model.generator_norm"] != "batch"
    and not wanted["model.minibatch_discrimination"]
]


@pytest.mark.parametrize("chosen", PLAIN, ids=" ".join)
def test_networks_have_as_many_parameters(chosen: tuple[str, ...]) -> None:
    wanted = EXPERIMENTS[chosen]
    final, base, most = (
        wanted["resolutions"][-1],
        wanted["model.fmap_base"],
        wanted["model.fmap_max"],
    )
    stddev = wanted["train.minibatch_stddev"] is not False
    assert counted(*chosen) == {
        "generator": official.count_generator(final, base, most, wanted["model.latent_size"]),
        "discriminator": official.count_discriminator(final, base, most, stddev),
    }


@pytest.mark.parametrize(
    ("name", "millions", "digits"),
    [
        ("cifar10", official.CIFAR10_MILLIONS, 3),
        ("cifar10-large", official.CIFAR10_LARGE_MILLIONS, 1),
    ],
)
def test_networks_of_cifar10(name: str, millions: dict[str, float], digits: int) -> None:
    assert {net: round(n / 1e6, digits) for net, n in counted(name).items()} == millions


# Protocols


def test_protocol_of_the_sliced_wasserstein_distance() -> None:
    found = (patches.PATCHES, patches.PATCH, patches.CHANNELS, patches.SMALLEST)
    assert found == (128, 7, 3, 16)
    assert (swd.REPEATS, swd.DIRECTIONS, swd.SCALE) == (4, 128, 1e3)


def test_protocol_of_ms_ssim_and_modes() -> None:
    assert ms_ssim.WEIGHTS == (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    assert (ms_ssim.WINDOW, ms_ssim.SIGMA, modes.MODES) == (11, 1.5, 1000)


@pytest.mark.parametrize("data", official.RESULTS)
def test_results_of_table_1(data: str) -> None:
    printed = [line.split() for line in official.RESULTS[data].split("\n") if line.strip()]
    assert table1.STUDY.published
    paper = ablation_table.read_published(table1.STUDY.published)
    for row, *values in printed:
        *levels, mean, _ = wanted = list(map(float, values))
        assert [float(paper[score][data, row]) for score in paper.columns] == wanted
        assert mean == pytest.approx(np.mean(levels), abs=0.0051)
