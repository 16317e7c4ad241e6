"""The rows of Table 1 are the paper's: each is the one above it but for what is said here."""

from pathlib import Path
from typing import Any

import pytest
from merging import between, params_of, phases_of, settings, total_kimg

from pgpipe.config import load_yaml

pytestmark = pytest.mark.usefixtures("with_presets")

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
    "train.select": "last",
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
OF_DATA = {"full_resolution", "mirror", "tick_kimg", "quick_images"}
OF_NO_ROW = {"seed", "r1_gamma", "r2_gamma", "label_weight"}  # unread by wgan-gp without labels
OF_THE_MACHINE = {"device", "threads", "precision", "channels_last", "data_on_device"}
OF_THE_MACHINE |= {"checkpoint_minutes", "minibatch_per_device", "deterministic"}


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
        "dataset.name": ("celeba", "lsun"),
        "dataset.path": ("data/celeba", "data/lsun-bedroom"),
        "dataset.crop": ("celeba", "center"),
        "train.mirror": (True, False),
    }
    paper = {"sample.images": 20000, "score.swd_images": 16384, "score.ms_ssim_pairs": 10000}
    assert celeba.items() >= paper.items()
