"""A phase of training: what each step reads, counts and records; what growing keeps."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from specs import DCGAN
from tinyphase import (
    FADE,
    IMAGES,
    MINIBATCH,
    R4,
    STEPS,
    Count,
    Place,
    facts_of,
    last_state,
    phase,
)
from torch import Tensor

from pgpipe.gan import weights
from pgpipe.gan.systems import STATISTICS
from pgpipe.images import to_float
from pgpipe.plumbing import tensors
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.history import PLACE
from pgpipe.training.job import rows_of
from pgpipe.training.phase import PhaseTraining


def test_fade_of_each_step_is_that_of_the_images_before_it(whole: tuple[Path, Count]) -> None:
    steps = [(MINIBATCH * (n + 1), min(1.0, MINIBATCH * n / FADE)) for n in range(STEPS)]
    assert whole[1].steps == steps


def test_a_phase_goes_on_in_the_data_where_the_one_before_stopped(
    place: Place, tmp_path: Path
) -> None:
    training = place.training(tmp_path, Count())
    ours = training.draw(training.progress.images)[0]
    assert int(ours.seen) == R4.images == 40
    expected, labels = place.batches(8).reals(40, MINIBATCH)
    assert ours.images.equal(expected)
    assert labels is not None
    assert ours.labels is not None
    assert ours.labels.equal(labels)


def test_fade_is_given_to_the_networks_only_while_fading(place: Place, tmp_path: Path) -> None:
    training = place.training(tmp_path, Count())
    given = []
    for images in (0, FADE // 4, FADE - MINIBATCH, FADE, FADE + MINIBATCH):
        training.progress.images = images
        fade = training.draw(training.progress.images)[0].fade
        given.append(None if fade is None else pytest.approx(fade.item()))
    assert given == [0, 1 / 4, 1 - MINIBATCH / FADE, None, None]


def test_first_step_of_a_fade_trains_only_the_layers_of_before(
    place: Place, tmp_path: Path
) -> None:
    training = place.training(tmp_path, Count())
    before = {n: p.clone() for n, p in training.networks.generator.named_parameters()}
    training.train_step()
    moved = {n for n, p in training.networks.generator.named_parameters() if not p.equal(before[n])}
    assert "blocks.4.conv.weight" in moved
    assert not any(".8." in name for name in moved)


def test_growing_keeps_every_weight_and_the_average(place: Place) -> None:
    old, _ = tensors.read(place.first.states()[-1])
    job = place.job()
    kept = [name for name in old if not name.startswith("adam.")]
    assert any(name.startswith("average.") for name in kept)
    assert all(job.tensors[name].equal(old[name]) for name in kept)
    name = "blocks.4.conv.weight"  # averaged since: not the generator's copied anew
    assert not job.tensors[f"average.{name}"].equal(job.tensors[f"generator.{name}"])


def test_average_of_a_new_layer_is_as_if_averaged_from_the_start(place: Place) -> None:
    new = weights.initial(place.spec, 8, place.section().seed, before=4)
    tensors_ = place.job().tensors
    for name, value in new.items():
        assert tensors_[name].equal(value)
        if name.startswith("generator"):
            # averaging a constant changes nothing, however long
            assert tensors_[name.replace("generator", "average")].equal(value)


def test_growing_counts_on(place: Place) -> None:
    job = place.job()
    assert job.images_before == 40
    assert [row["phase"] for row in job.rows_before] == ["r4", "r4"]


def test_a_phases_own_minibatch_and_learning_rate_come_first(place: Place) -> None:
    small = place.job(phase(minibatch=2))
    assert (small.minibatch, small.learning_rate(0)) == (2, 0.003)
    fast = place.job(phase(learning_rate=0.5))
    assert (fast.minibatch, fast.learning_rate(0)) == (MINIBATCH, 0.5)


def test_a_phases_own_half_life_is_that_of_its_average(place: Place, tmp_path: Path) -> None:
    """After one step of 8 images: half of the way to G's new weights."""
    for name, job in {
        "own": place.job(phase(ema_half_life_kimg=0.008)),
        "section": place.job(ema_half_life_kimg=0.008),
        "other": place.job(),
    }.items():
        training = PhaseTraining(job, place.batches(8), StateFolder(tmp_path / name), Count())
        training.train_step()
        nets, before = training.networks, job.tensors["average.blocks.4.conv.weight"]
        average = dict(nets.average.named_parameters())["blocks.4.conv.weight"]
        new = dict(nets.generator.named_parameters())["blocks.4.conv.weight"]
        halfway = torch.allclose(average, (before + new) / 2, atol=1e-7)
        assert halfway == (name != "other"), name


def test_history_has_a_row_for_each_tick_and_the_end(whole: tuple[Path, Count]) -> None:
    rows = rows_of(facts_of(whole[0]))
    images = [round(1000 * row["kimg"]) for row in rows]
    assert images == [24, 40, 64, 88, 112, 136, 144]  # r4 to 40; r8 each 24 images, to 144
    assert [row["phase"] for row in rows] == ["r4"] * 2 + ["r8"] * 5
    assert [row["resolution"] for row in rows] == [4] * 2 + [8] * 5
    fades = [1, 1, 24 / 48, 1, 1, 1, 1]
    assert [row["fade"] for row in rows] == fades


def test_rows_are_complete_and_finite(whole: tuple[Path, Count]) -> None:
    for row in rows_of(facts_of(whole[0])):
        assert sorted(row) == sorted([*PLACE, "minibatch", "learning_rate", *STATISTICS])
        assert all(math.isfinite(v) for name, v in row.items() if name != "phase")
        assert row["minibatch"] == MINIBATCH
        assert row["learning_rate"] == 0.003


def test_a_row_is_the_mean_of_its_steps(place: Place, tmp_path: Path) -> None:
    listener = Count()
    training = place.training(tmp_path, listener)
    figures: list[Tensor] = []
    step = training.step

    def noting(minibatch: Any) -> Tensor:
        figures.append(step(minibatch))
        return figures[-1]

    training.step = noting
    training.run()
    first = torch.stack(figures[:3]).mean(dim=0)
    last = torch.stack(figures[12:]).mean(dim=0)
    for row, means in ((listener.ticks[0][0], first), (listener.ticks[-1][0], last)):
        np.testing.assert_allclose([row[name] for name in STATISTICS], means, rtol=1e-5)


def test_listener_hears_every_row_with_its_preview(whole: tuple[Path, Count]) -> None:
    rows = rows_of(facts_of(whole[0]))
    assert [row for row, _ in whole[1].ticks] == rows[2:]
    assert all(preview.exists() for _, preview in whole[1].ticks)


def test_dcgan_is_one_phase_at_its_resolution(tmp_path: Path) -> None:
    model = {**DCGAN, "fmap_max": 4, "fused_downsampling": False}
    place = Place(tmp_path, model, {"minibatch_stddev": False})
    only, states = phase(**{"from": "init"}, fade_kimg=0, stable_kimg=0.04), tmp_path / "states"
    job, listener = place.first_job(only), Count()
    PhaseTraining(job, place.batches(8), StateFolder(states), listener).run()
    assert listener.steps == [(MINIBATCH * n, 1.0) for n in range(1, 6)]
    named, _ = tensors.read(last_state(states))
    moved = {name for name, value in job.tensors.items() if not named[name].equal(value)}
    assert {name for name in job.tensors if "preview" not in name} == moved


# Several discriminator steps


def test_each_discriminator_step_has_reals_of_its_own(place: Place, tmp_path: Path) -> None:
    training = place.training(tmp_path, Count(), discriminator_steps=3)
    training.train_step()
    found = training.draw(training.progress.images)
    first = R4.images + 3 * MINIBATCH
    assert [int(batch.seen) for batch in found] == [first, first + 8, first + 16]
    for batch in found:
        images, labels = place.batches(8).reals(int(batch.seen), MINIBATCH)
        assert batch.images.equal(images)
        assert labels is not None
        assert batch.labels is not None
        assert batch.labels.equal(labels)
        assert batch.fade is not None
        assert batch.fade.item() == 3 * MINIBATCH / FADE


def test_images_of_all_discriminator_steps_are_the_clock(place: Place, tmp_path: Path) -> None:
    listener = place.run(tmp_path, discriminator_steps=3, tick_kimg=0.02)
    assert listener.steps == [(24, 0.0), (48, 0.5), (72, 1.0), (96, 1.0), (120, 1.0)]
    rows = facts_of(tmp_path)["progress"]["rows"][2:]
    assert [round(1000 * row["kimg"]) for row in rows] == [64, 88, 112, 136, 160]
    assert [row["fade"] for row in rows] == [0.5, 1, 1, 1, 1]
    assert facts_of(tmp_path)["images_seen"] == R4.images + 120


# The learning rate's ramp


def test_learning_rate_rises_with_the_images_of_all_phases(place: Place, tmp_path: Path) -> None:
    """exp(-5 (1 - t)^2), t from 0 to 1 over `ramp_up_kimg`."""
    training = place.training(tmp_path, Count(), ramp_up_kimg=0.1)
    step, rates = training.step, []

    def noting(minibatches: Any) -> Tensor:
        nets = training.networks
        rates.append([float(adam.learning_rate) for adam in nets.optimisers.values()])
        return step(minibatches)

    training.step = noting
    training.run()
    seen = [R4.images + MINIBATCH * n for n in range(STEPS)]
    expected = [0.003 * math.exp(-5 * (1 - min(1, n / 100)) ** 2) for n in seen]
    np.testing.assert_allclose(rates, [[rate, rate] for rate in expected], rtol=1e-6)


@pytest.mark.parametrize(
    ("images", "factor"),
    [(0, math.exp(-5)), (20_000, math.exp(-1.25)), (40_000, 1), (10**7, 1)],
)
def test_ramp_of_40_kimg(place: Place, images: int, factor: float) -> None:
    assert place.section(ramp_up_kimg=40.0).ramp_up(images) == pytest.approx(factor, rel=1e-12)
    assert place.section().ramp_up(images) == 1


# Minibatch discrimination is fitted to the first reals


KERNELS = {"minibatch_discrimination": 3}
FITTED = ("log_length", "bias")


def kernels(training: PhaseTraining) -> list[Tensor]:
    place = "blocks.4.discrimination"
    net = training.networks.discriminator
    return [net.get_parameter(f"{place}.{name}").detach().clone() for name in FITTED]


def first_phase(place: Place, states: Path, listener: Count) -> PhaseTraining:
    return PhaseTraining(place.first_job(), place.batches(4), StateFolder(states), listener)


def test_kernels_are_fitted_to_the_first_reals_of_the_first_phase(tmp_path: Path) -> None:
    place = Place(tmp_path, KERNELS, {"minibatch_stddev": False})
    training = first_phase(place, tmp_path / "states", Count())
    drawn = place.first_job().tensors
    for value, name in zip(kernels(training), FITTED, strict=True):
        assert value.isfinite().all()
        assert not value.equal(drawn[f"discriminator.blocks.4.discrimination.{name}"])
    D = training.networks.discriminator
    before = kernels(training)
    D.fit(to_float(place.batches(4).reals(0, IMAGES)[0]))  # every real once: nothing left to fit
    for ours, theirs in zip(kernels(training), before, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("group", "count"), [(4, 48), (8, 48), (7, 49), (64, IMAGES), (True, IMAGES)]
)
def test_kernels_are_fitted_to_whole_groups(tmp_path: Path, group: int, count: int) -> None:
    minibatch = MINIBATCH if group != 7 else 7
    place = Place(tmp_path, KERNELS, {"minibatch_stddev": group, "minibatch": minibatch})
    training = first_phase(place, tmp_path / "states", Count())
    reals = training.first_reals()[0].flatten(1)
    assert len(reals) == len(reals.unique(dim=0)) == count
    training.train_step()
    assert all(value.isfinite().all() for value in kernels(training))


def test_kernels_are_fitted_once(tmp_path: Path) -> None:
    place = Place(tmp_path, KERNELS, {"minibatch_stddev": False}).grow()
    states = tmp_path / "states"
    training = first_phase(place, states, Count())
    training.train_step()
    training.save()
    trained = kernels(training)
    resumed = first_phase(place, states, Count())
    assert all(a.equal(b) for a, b in zip(kernels(resumed), trained, strict=True))
    saved, _ = tensors.read(place.first.states()[-1])
    grown = kernels(place.training(tmp_path / "r8", Count()))
    for value, name in zip(grown, FITTED, strict=True):
        assert value.equal(saved[f"discriminator.blocks.4.discrimination.{name}"])
