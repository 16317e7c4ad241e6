"""Presets beside the paper's experiments: our own data, small networks, and DCGAN."""

import shutil

import pytest
from merging import between, params_of, phases_of, total_kimg
from tinyproject import ROOT

from pgpipe.presets import files as presets

pytestmark = pytest.mark.usefixtures("with_presets")


@pytest.mark.parametrize(("row", "total"), [("g", 60), ("h", 120)])
def test_photographs_grow_to_32_pixels(row: str, total: int) -> None:
    chosen = [f"table1-{row}", "table1-photos"]
    phases = phases_of(*chosen)
    assert list(phases) == [4, 8, 16, 32]
    assert {phase.fade_kimg for res, phase in phases.items() if res > 4} == {6}
    assert total_kimg(*chosen) == total
    assert params_of(*chosen).train.full_resolution == 32


def test_photographs_of_table_1_have_small_networks_and_minibatches() -> None:
    a, h = (params_of(f"table1-{row}", "table1-photos") for row in "ah")
    assert (a.model.fmap_base, a.model.fmap_max, a.model.latent_size) == (256, 32, 16)
    assert (h.model.fmap_base, h.model.fmap_max, h.model.latent_size) == (1024, 32, 64)
    assert (a.train.minibatch, h.train.minibatch) == (16, 4)
    assert (a.train.learning_rate, h.train.learning_rate) == (0.0004, 0.004)


def test_embedded_digits_are_mnist_1k_but_for_size_and_length() -> None:
    a, d = (["mnist-1k-a", "digits-1k"], ["mnist-1k-d", "digits-1k"])
    assert (list(phases_of(*a)), list(phases_of(*d))) == ([32], [4, 8, 16, 32])
    assert (total_kimg(*a), total_kimg(*d)) == (200, 300), "as 10,000 and 15,000"
    found = between(["mnist-1k-a", "mnist-1k"], a)
    assert {path for path in found if path.startswith(("model", "train", "sample"))} == {
        "train.minibatch",
        "train.ramp_up_kimg",
        "train.ema_half_life_kimg",
        "train.threads",
        "train.tick_kimg",
    }


@pytest.mark.parametrize("data", ["mnist-1k", "digits-1k"])
@pytest.mark.parametrize("row", "abcd")
def test_k_changes_the_discriminators_feature_maps_alone(row: str, data: str) -> None:
    found = between([f"mnist-1k-{row}", data], [f"mnist-1k-{row}", f"{data}-k2"])
    assert found == {"model.discriminator_divisor": 2}


def test_dcgan_sees_as_many_images_as_photos_64_in_one_phase() -> None:
    shutil.copy(ROOT / "params.yaml", "params.yaml")  # which photos-64 grows on
    one, grown = (presets.merged([name])["growth"]["phases"] for name in ("dcgan-64", "photos-64"))
    assert list(one) == ["r64"]
    of = [sum(p["fade_kimg"] + p["stable_kimg"] for p in found.values()) for found in (one, grown)]
    assert of[0] == of[1]
    train = params_of("dcgan-64").train
    assert (train.learning_rate, train.adam_beta1, train.adam_beta2) == (0.0002, 0.5, 0.999)


def test_fine_tuning_and_training_from_nothing_differ_in_that_alone() -> None:
    flat, tuned = ["finetune-flat", "own-300"], ["finetune", "own-300"]
    assert between(flat, tuned) == {"model.start": "starts/default"}
    assert list(phases_of("finetune-grown")) == [4, 8, 16, 32]
    assert {total_kimg(name) for name in ("finetune", "finetune-flat", "finetune-grown")} == {16}
    rows = between(flat, ["finetune-grown", "own-300"])
    assert all(path.startswith("growth.phases") for path in rows)
    plan = params_of(*tuned)
    assert (plan.dataset.images, plan.score.swd_images, plan.sample.images) == (300, 150, 150)


def test_a_stack_and_what_is_grown_see_equal_images_or_take_equal_time() -> None:
    """On one core, at 78 and 33 images/s of the stack; 275, 136, 69, 54, 35 of what is grown."""
    rows = {row: [f"stack-{row}", "stack-photos"] for row in ("stackgan", "grown", "grown-longer")}
    assert {total_kimg(*rows[row]) for row in ("stackgan", "grown")} == {32}
    speeds = {4: 275, 8: 136, 16: 69, 32: 54, 64: 35}
    stacked, grown = (phases_of(*rows[row]) for row in ("stackgan", "grown-longer"))
    seconds = sum(phase.images / speeds[res] for res, phase in grown.items())
    assert seconds == pytest.approx(stacked[16].images / 78 + stacked[64].images / 33, rel=0.02)
    assert {phase.fade_kimg for phase in stacked.values()} == {0}
    others = between(rows["grown"], rows["stackgan"])
    assert {k: v for k, v in others.items() if not k.startswith("growth")} == {
        "model.name": "stackgan", "model.latent_norm": "none",
    }  # fmt: skip


def test_relatives_see_equal_images_with_equal_networks() -> None:
    rows = {row: [f"relatives-{row}", "relatives-photos"] for row in
            ("autoencoder", "vae", "vae-gan", "dcgan", "pggan")}  # fmt: skip
    assert {total_kimg(*chosen) for chosen in rows.values()} == {30}
    assert {row for row, chosen in rows.items() if len(phases_of(*chosen)) == 1} == {"dcgan"}
    assert between(rows["autoencoder"], rows["vae"]) == {"model.name": "vae"}
    found = between(rows["vae"], rows["vae-gan"])
    assert found == {"model.name": "vae-gan", "train.minibatch_stddev": True}
    found = between(rows["vae-gan"], rows["pggan"])
    assert found == {"model.name": "pggan", "model.latent_norm": "latent"}
    assert {params_of(*chosen).train.label_conditioning for chosen in rows.values()} == {False}
    widths = {params_of(*c).model.model_dump_json(include={"fmap_base", "fmap_max", "latent_size"})
              for c in rows.values()}  # fmt: skip
    assert len(widths) == 1
