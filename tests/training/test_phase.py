"""A phase of training: interrupted anywhere it ends at the same bits; what it keeps and refuses."""

import csv
import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pgpipe import rng, tensors
from pgpipe.data.batches import Batches
from pgpipe.data.multires import ImageStore
from pgpipe.errors import DivergedError, IntegrityError, Interrupted, LockedError
from pgpipe.layout import GENERATOR, HISTORY, PREVIEW_LABELS, PREVIEW_LATENTS, STATE
from pgpipe.nets import weights
from pgpipe.nets.config import NetworkSpec
from pgpipe.schedule import Phase
from pgpipe.training import result
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.config import TrainSection
from pgpipe.training.history import COLUMNS, Row
from pgpipe.training.phase import Job, PhaseTraining
from pgpipe.training.start import make_job
from pgpipe.training.step import Minibatch

CPU = torch.device("cpu")
IMAGES = 50  # of the data set: epochs end within steps
MINIBATCH = 8
FADE, STABLE, TICK = 48, 56, 24  # images of the phase r8; the fade ends at step 6, the phase at 13
STEPS = (FADE + STABLE) // MINIBATCH
FADE_STEPS = FADE // MINIBATCH


def section(**changes: Any) -> TrainSection:
    values = {
        "seed": 3,
        "minibatch": MINIBATCH,
        "learning_rate": 0.003,
        "adam_beta1": 0.0,
        "adam_beta2": 0.99,
        "adam_epsilon": 1e-8,
        "ema_half_life_kimg": 0.05,
        "gradient_penalty": 10.0,
        "gradient_target": 1.0,
        "gradient_at": "full",
        "full_resolution": 8,
        "drift": 0.001,
        "minibatch_stddev": True,
        "label_conditioning": True,
        "label_weight": 1.0,
        "mirror": True,
        "device": "cpu",
        "threads": 1,
        "precision": "fp32",
        "channels_last": True,
        "data_on_device": "auto",
        "tick_kimg": TICK / 1000,
        "checkpoint_minutes": 60.0,
    }
    return TrainSection(**{**values, **changes})


SPEC = NetworkSpec(
    fmap_base=32,
    fmap_max=4,
    latent_size=4,
    fused_downsampling=True,
    channels=3,
    classes=3,
    minibatch_stddev=True,
)


def phase(**changes: Any) -> Phase:
    """The phase r8, or another."""
    values = {"res": 8, "from": "r4", "fade_kimg": FADE / 1000, "stable_kimg": STABLE / 1000}
    return Phase(**{**values, **changes})


R4 = phase(**{"from": "init"}, res=4, fade_kimg=0, stable_kimg=0.04)
R8 = phase()


class Count:
    """A listener that counts, and asks for the end after so many steps."""

    def __init__(self, last: int = 10**9) -> None:
        self.last = last
        self.steps: list[tuple[int, float]] = []
        self.ticks: list[tuple[Row, Path]] = []

    def on_step(self, images: int, fade: float) -> None:
        self.steps.append((images, fade))

    def on_tick(self, row: Row, preview: Path) -> None:
        self.ticks.append((row, preview))

    def stop(self) -> bool:
        return len(self.steps) >= self.last


def batches(folder: Path, resolution: int) -> Batches:
    shape = (IMAGES, resolution, resolution, 3)
    if not folder.exists():
        folder.mkdir()
        pixels = np.random.default_rng(resolution).integers(0, 256, shape, dtype=np.uint8)
        np.save(folder / "00000.npy", pixels)
    labels = torch.arange(IMAGES) % SPEC.classes
    return Batches(ImageStore(folder), labels, 3, CPU, held=False)


def first_job(train: TrainSection, phase: Phase = R4) -> Job:
    named = weights.initial(SPEC, phase.res, train.seed)
    averages = {n.replace("generator", "average"): v for n, v in named.items() if "generator" in n}
    previews = {
        PREVIEW_LATENTS: rng.normal((4, SPEC.latent_size), rng.key(0, "preview", 0)),
        PREVIEW_LABELS: torch.arange(4) % SPEC.classes,
    }
    every = {**named, **averages, **previews}
    return Job(f"r{phase.res}", phase, train, SPEC, every, images_before=0, rows_before=[])


class Place:
    """A folder with data, and the phase r8 that goes on from a finished r4."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first = StateFolder(folder / "states.r4")
        self.layers = folder / "layers.safetensors"

    def grow(self) -> "Place":
        train = section()
        PhaseTraining(first_job(train), self.batches(4), self.first, Count()).run()
        tensors.save(self.layers, weights.initial(SPEC, 8, train.seed, before=4), {})
        return self

    def batches(self, resolution: int) -> Batches:
        return batches(self.folder / f"images.r{resolution}", resolution)

    def job(self, phase: Phase = R8, **changes: Any) -> Job:
        before = self.first.states()[-1]
        return make_job("r8", phase, section(**changes), before, self.layers)

    def training(self, states: Path, listener: Count, **changes: Any) -> PhaseTraining:
        return PhaseTraining(self.job(**changes), self.batches(8), StateFolder(states), listener)

    def run(self, states: Path, last: int = 10**9, **changes: Any) -> Count:
        """Train until the end or for `last` steps."""
        listener = Count(last)
        self.training(states, listener, **changes).run(listener.stop)
        return listener


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("phase")).grow()


@pytest.fixture(scope="module")
def whole(place: Place) -> tuple[Path, Count]:
    """The states of a run that nothing interrupted, and who listened."""
    states = place.folder / "whole"
    return states, place.run(states)


def last_state(states: Path) -> Path:
    return StateFolder(states).states()[-1]


def facts_of(states: Path) -> dict[str, Any]:
    facts: dict[str, Any] = tensors.read(last_state(states))[1]
    return facts


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def interrupted(place: Place, states: Path, last: int, **changes: Any) -> None:
    with pytest.raises(Interrupted):
        place.run(states, last, **changes)


@pytest.mark.parametrize("step", range(1, STEPS))
def test_interrupted_anywhere_it_ends_at_the_same_bits(
    step: int, place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    interrupted(place, tmp_path, step)
    assert int(last_state(tmp_path).name.split("-")[0]) == step * MINIBATCH
    place.run(tmp_path)
    assert last_state(tmp_path).name == last_state(whole[0]).name
    assert last_state(tmp_path).read_bytes() == last_state(whole[0]).read_bytes()


def test_interrupted_after_every_step_it_ends_at_the_same_bits(
    place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    for _ in range(STEPS - 1):
        interrupted(place, tmp_path, 1)
    place.run(tmp_path)
    assert last_state(tmp_path).name == last_state(whole[0]).name


def test_same_inputs_give_the_same_bytes(
    place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    place.run(tmp_path)
    assert last_state(tmp_path).read_bytes() == last_state(whole[0]).read_bytes()


def test_saving_more_often_changes_nothing(
    place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    place.run(tmp_path, checkpoint_minutes=1e-9)
    assert last_state(tmp_path).name == last_state(whole[0]).name


def test_a_request_during_the_last_step_lets_the_phase_finish(place: Place, tmp_path: Path) -> None:
    place.run(tmp_path, last=STEPS)
    assert StateFolder(tmp_path).result


def test_an_interruption_says_where_and_that_the_state_is_saved(
    place: Place, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted, match=r"r8: interrupted at 0\.048 kimg, state saved"):
        place.run(tmp_path, last=1)  # 40 images of r4, 8 of r8
    assert [int(p.name.split("-")[0]) for p in StateFolder(tmp_path).states()] == [MINIBATCH]


def test_a_request_at_any_moment_finds_the_state_saved(place: Place, tmp_path: Path) -> None:
    answers = iter([False, True])  # the signal comes between two looks at it
    with pytest.raises(Interrupted, match="state saved"):
        place.training(tmp_path, Count()).run(lambda: next(answers))
    assert StateFolder(tmp_path).states()


def test_nothing_goes_on_after_the_end(place: Place, tmp_path: Path) -> None:
    place.run(tmp_path)
    before = last_state(tmp_path)
    assert place.run(tmp_path).steps == []
    assert last_state(tmp_path) == before


def test_fade_of_each_step_is_that_of_the_images_before_it(whole: tuple[Path, Count]) -> None:
    steps = [(MINIBATCH * (n + 1), min(1.0, MINIBATCH * n / FADE)) for n in range(STEPS)]
    assert whole[1].steps == steps


def test_a_phase_goes_on_in_the_data_where_the_one_before_stopped(
    place: Place, tmp_path: Path
) -> None:
    training = place.training(tmp_path, Count())
    ours = training.minibatch()
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
        fade = training.minibatch().fade
        given.append(None if fade is None else pytest.approx(fade.item()))
    assert given == [0, 1 / 4, 1 - MINIBATCH / FADE, None, None]


def moments(training: PhaseTraining) -> set[int]:
    """Steps that Adam has counted, over all weights of both networks that have moments."""
    nets = training.networks
    counted = [adam.state.values() for adam in (nets.adam_g, nets.adam_d)]
    return {int(state["step"]) for states in counted for state in states}


def test_moments_are_reset_when_a_fade_begins_and_when_it_ends(
    place: Place, tmp_path: Path
) -> None:
    saved, _ = tensors.read(place.first.states()[-1])
    assert any(name.startswith("adam.") for name in saved)  # there is something to forget
    training = place.training(tmp_path, Count())
    assert moments(training) == set()
    seen = []
    for _ in range(STEPS):
        training.train_step()
        seen.append(moments(training))
    fading = [{n} for n in range(1, FADE_STEPS + 1)]
    stable = [{n} for n in range(1, STEPS - FADE_STEPS + 1)]
    assert seen == fading + stable


def test_moments_are_reset_at_the_end_of_a_fade_also_when_resumed_there(
    place: Place, tmp_path: Path
) -> None:
    interrupted(place, tmp_path, FADE_STEPS)
    training = place.training(tmp_path, Count())
    assert moments(training) == {FADE_STEPS}
    training.train_step()
    assert moments(training) == {1}


def test_moments_are_kept_when_resumed_elsewhere(place: Place, tmp_path: Path) -> None:
    interrupted(place, tmp_path, FADE_STEPS + 2)
    training = place.training(tmp_path, Count())
    training.train_step()
    assert moments(training) == {3}


def test_a_fade_shorter_than_a_minibatch_ends_with_a_reset(place: Place, tmp_path: Path) -> None:
    training = place.training(tmp_path, Count(), phase=phase(fade_kimg=0.003))
    counted = []
    for _ in range(3):
        training.train_step()
        counted.append(moments(training))
    assert counted == [{1}, {1}, {2}]


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
    new = weights.initial(SPEC, 8, section().seed, before=4)
    tensors_ = place.job().tensors
    for name, value in new.items():
        assert tensors_[name].equal(value)
        if name.startswith("generator"):
            # averaging a constant changes nothing, however long
            assert tensors_[name.replace("generator", "average")].equal(value)


def test_growing_forgets_the_moments(place: Place) -> None:
    assert not any(name.startswith("adam.") for name in place.job().tensors)


def test_growing_counts_on(place: Place) -> None:
    job = place.job()
    assert job.images_before == 40
    assert [row["phase"] for row in job.rows_before] == ["r4", "r4"]


def test_a_phases_own_minibatch_and_learning_rate_come_first(place: Place) -> None:
    small = place.job(phase(minibatch=2))
    assert (small.minibatch, small.learning_rate) == (2, 0.003)
    fast = place.job(phase(learning_rate=0.5))
    assert (fast.minibatch, fast.learning_rate) == (MINIBATCH, 0.5)


def test_history_has_a_row_for_each_tick_and_the_end(whole: tuple[Path, Count]) -> None:
    rows = facts_of(whole[0])["progress"]["rows"]
    images = [round(1000 * row["kimg"]) for row in rows]
    assert images == [24, 40, 64, 88, 112, 136, 144]  # r4 to 40; r8 each 24 images, to 144
    assert [row["phase"] for row in rows] == ["r4"] * 2 + ["r8"] * 5
    assert [row["resolution"] for row in rows] == [4] * 2 + [8] * 5
    fades = [1, 1, 24 / 48, 1, 1, 1, 1]
    assert [row["fade"] for row in rows] == fades


def test_rows_are_complete_and_finite(whole: tuple[Path, Count]) -> None:
    for row in facts_of(whole[0])["progress"]["rows"]:
        assert tuple(row) == COLUMNS
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

    training.step = noting  # type: ignore[assignment]
    training.run()
    first = torch.stack(figures[:3]).mean(dim=0)
    last = torch.stack(figures[12:]).mean(dim=0)
    for row, means in ((listener.ticks[0][0], first), (listener.ticks[-1][0], last)):
        np.testing.assert_allclose([row[name] for name in COLUMNS[6:]], means, rtol=1e-5)


def test_listener_hears_every_row_with_its_preview(whole: tuple[Path, Count]) -> None:
    rows = facts_of(whole[0])["progress"]["rows"]
    assert [row for row, _ in whole[1].ticks] == rows[2:]
    assert all(preview.exists() for _, preview in whole[1].ticks)


def test_rows_are_not_doubled_by_interruptions(
    place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    for _ in range(3):
        interrupted(place, tmp_path, 3)  # each at a tick
    place.run(tmp_path)
    assert facts_of(tmp_path) == facts_of(whole[0])


def test_the_last_two_states_are_kept(whole: tuple[Path, Count]) -> None:
    images = [int(path.name.split("-")[0]) for path in StateFolder(whole[0]).states()]
    assert images == [96, 104]


def test_finished_is_said_at_the_end_alone(place: Place, tmp_path: Path) -> None:
    interrupted(place, tmp_path, STEPS - 1)
    assert not StateFolder(tmp_path).result
    place.run(tmp_path)
    assert StateFolder(tmp_path).result


def test_a_state_holds_all_that_the_next_phase_needs(whole: tuple[Path, Count]) -> None:
    named, facts = tensors.read(last_state(whole[0]))
    prefixes = {name.split(".")[0] for name in named}
    assert prefixes == {"generator", "discriminator", "average", "adam", "preview"}
    assert facts["images_seen"] == R4.images + R8.images
    assert NetworkSpec(**facts["spec"]) == SPEC


def test_result_is_the_newest_state_of_a_finished_phase(
    place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    result.emit(StateFolder(whole[0]), tmp_path / "before", tmp_path / "r8")
    assert (tmp_path / "r8" / STATE).read_bytes() == last_state(whole[0]).read_bytes()
    named, _ = tensors.read(tmp_path / "r8" / GENERATOR)
    state, _ = tensors.read(last_state(whole[0]))
    assert all(value.equal(state[f"average.{name}"]) for name, value in named.items())
    with (tmp_path / "r8" / HISTORY).open() as file:
        written = [float(row["kimg"]) for row in csv.DictReader(file)]
    assert written == [row["kimg"] for row in facts_of(whole[0])["progress"]["rows"]]


def test_a_damaged_newest_state_falls_back_to_the_one_before(
    place: Place, whole: tuple[Path, Count], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(place, tmp_path, 8)
    damage(last_state(tmp_path))
    listener = place.run(tmp_path)
    assert listener.steps[0][0] == 7 * MINIBATCH  # on from the state of step 6
    assert last_state(tmp_path).name == last_state(whole[0]).name
    assert "damaged (hash differs), set aside" in capsys.readouterr().err
    assert len(list(tmp_path.glob("*.damaged"))) == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 5000])
def test_a_torn_newest_state_falls_back_to_the_one_before(
    content: bytes, place: Place, whole: tuple[Path, Count], tmp_path: Path
) -> None:
    interrupted(place, tmp_path, 8)
    last_state(tmp_path).write_bytes(content)
    place.run(tmp_path)
    assert last_state(tmp_path).name == last_state(whole[0]).name


def test_with_all_states_damaged_nothing_is_trained(place: Place, tmp_path: Path) -> None:
    interrupted(place, tmp_path, 8)
    for path in StateFolder(tmp_path).states():
        damage(path)
    with pytest.raises(IntegrityError, match="all states are damaged; delete it to start anew"):
        place.run(tmp_path)


def test_a_finished_phase_gives_no_earlier_state_as_its_result(
    place: Place, tmp_path: Path
) -> None:
    place.run(tmp_path / "states")
    damage(last_state(tmp_path / "states"))
    try:
        result.emit(StateFolder(tmp_path / "states"), tmp_path / "before", tmp_path / "r8")
    except IntegrityError:
        return  # refused: as good as a result trained again
    _, facts = tensors.read(tmp_path / "r8" / STATE)
    assert facts["images_seen"] == R4.images + R8.images


HOLD = """
import os, sys
from pathlib import Path
from pgpipe.training.checkpoint import StateFolder
with StateFolder(Path(sys.argv[1])).locked():
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_told_the_first_ones_pid(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        pid = int(other.stdout.readline())
        try:
            with (
                pytest.raises(LockedError, match=rf"process {pid} trains here"),
                StateFolder(tmp_path).locked(),
            ):
                pass
        finally:
            other.send_signal(signal.SIGKILL)
    with StateFolder(tmp_path).locked():  # the lock died with its holder
        pass


def test_a_lock_is_free_again_after_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with StateFolder(tmp_path).locked():
            pass


def poisoned(training: PhaseTraining, step: int) -> PhaseTraining:
    """Make G's weights not a number in the update of the given step, as an overflow would."""
    real_step = training.step
    taken = iter(range(1, STEPS + 1))

    def poisoning(minibatch: Minibatch) -> Tensor:
        figures = real_step(minibatch)
        if next(taken) == step:
            training.networks.generator.get_parameter("blocks.4.conv.bias").data.fill_(math.nan)
        return figures

    training.step = poisoning  # type: ignore[assignment]
    return training


def every_number(states: Path) -> Tensor:
    found = [tensors.read(path)[0] for path in StateFolder(states).states()]
    values = [value.flatten().double() for named in found for value in named.values()]
    return torch.cat([torch.zeros(0, dtype=torch.float64), *values])


def test_a_loss_that_is_no_number_ends_the_phase(place: Place, tmp_path: Path) -> None:
    with pytest.raises(
        DivergedError, match=r"r8: loss_d is not finite at 0\.088 kimg; lower the learn"
    ):
        poisoned(place.training(tmp_path, Count()), step=4).run()
    assert not StateFolder(tmp_path).result


def test_a_learning_rate_beyond_reason_ends_the_phase(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        place.run(tmp_path, learning_rate=1e39)
    assert StateFolder(tmp_path).states() == []


def test_a_diverged_phase_keeps_the_last_good_state(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        poisoned(place.training(tmp_path, Count()), step=4).run()
    assert [int(p.name.split("-")[0]) for p in StateFolder(tmp_path).states()] == [TICK]
    assert every_number(tmp_path).isfinite().all()
    assert len(facts_of(tmp_path)["progress"]["rows"]) == 3


def test_no_state_between_ticks_holds_what_is_no_number(place: Place, tmp_path: Path) -> None:
    training = place.training(tmp_path, Count(), checkpoint_minutes=1e-9)  # a state each step
    with pytest.raises(DivergedError):
        poisoned(training, step=4).run()  # two steps before a tick
    assert len(every_number(tmp_path)) > 0  # the last good state is kept
    assert every_number(tmp_path).isfinite().all()


def test_an_interruption_saves_nothing_that_is_no_number(place: Place, tmp_path: Path) -> None:
    listener = Count(last=5)
    with pytest.raises((DivergedError, Interrupted)):
        poisoned(place.training(tmp_path, listener), step=4).run(listener.stop)
    assert every_number(tmp_path).isfinite().all()


def test_a_phase_does_not_finish_on_what_is_no_number(place: Place, tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        poisoned(place.training(tmp_path, Count()), step=STEPS).run()
    assert not StateFolder(tmp_path).result
    assert every_number(tmp_path).isfinite().all()
