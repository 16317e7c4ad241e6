"""Schedules of all experiments, and the settings of those beside Table 1, from the paper."""

from typing import Any

import pytest
from merging import Preset, between, params_of, phases_of, spec_of, total_kimg

from pgpipe.nets.weights import names

pytestmark = pytest.mark.usefixtures("with_presets")

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
        (["mnist-1k-d", "digits-1k"], 32, 20, 200),
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
    assert found == {
        "model.fmap_base": 8192,
        "dataset.name": "folder",
        "dataset.path": "data/own",
    }


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
        "train.select": "best:inception_score",
        "train.quick_images": 5000,
        "train.tick_kimg": 100,
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
