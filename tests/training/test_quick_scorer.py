"""Quick scores: of every tick, by a process of their own, and the same however often it is killed.

A phase of 16x16 images from the start, of four ticks.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from specs import network_spec
from tinyphase import CLASSES, IMAGES, MINIBATCH, TICK, Count, Place, damage, last_state, phase

from pgpipe.errors import IntegrityError, Interrupted, PgpipeError, ResourceError, UsageError
from pgpipe.images import Images
from pgpipe.metrics import features
from pgpipe.metrics.features import Features
from pgpipe.plumbing import tensors
from pgpipe.plumbing.layout import GENERATOR, LAST, SCORES
from pgpipe.training import quick_scorer as quick_scorer_module
from pgpipe.training import result, snapshots
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.history import Row
from pgpipe.training.phase import PhaseTraining
from pgpipe.training.quick_scorer import QuickScorer, follow, quick_scorer
from pgpipe.training.quick_task import Task, quick_task, scores_key
from pgpipe.training.quick_worker import Worker
from pgpipe.training.snapshots import Snapshots, read_rows, row_file, write_row, write_rows

pytestmark = pytest.mark.slow

KEY = "code"  # of the scores
R16 = phase(**{"from": "init"}, res=16, fade_kimg=0, stable_kimg=4 * TICK / 1000)
TICKS = 4


class Site:
    """The tiny phase of 16x16 pixels, and the folders of its data and states."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = Place(folder, train={"quick_images": 20, "select": "best:swd_avg"})
        self.batches = self.place.batches(16)
        (folder / "r16").symlink_to(folder / "images.r16")
        np.save(folder / "labels.npy", np.arange(IMAGES) % CLASSES)
        self.task = Task(str(folder), 16, 20, False, 3, threads=1, backlog=8, inception=False)

    def run(self, states: Path, last: int = 10**9, task: Task | None = None) -> Count:
        listener = Count(last)
        with quick_scorer(Snapshots(states, "swd_avg", KEY), task or self.task) as scorer:
            job, folder = self.place.first_job(R16), StateFolder(states)
            PhaseTraining(job, self.batches, folder, listener, scorer).run(listener.stop)
        return listener

    def emit(self, states: Path, target: Path, **changes: Any) -> Path:
        section = self.place.section(**changes)
        rows = Snapshots(states, section.best_by, KEY)
        result.emit(StateFolder(states), R16.images, rows, section, self.folder / "none", target)
        return target


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def undisturbed(site: Site) -> tuple[Path, Count]:
    states = site.folder / "undisturbed"
    return states, site.run(states)


def test_every_tick_is_scored_and_told_once(undisturbed: tuple[Path, Count]) -> None:
    listener = undisturbed[1]
    assert [row["kimg"] for row in listener.scores] == [row["kimg"] for row, _ in listener.ticks]
    assert len(listener.scores) == TICKS
    assert all(row["images"] == 20 and row["swd_avg_floor"] > 0 for row in listener.scores)
    assert len({row["swd_avg"] for row in listener.scores}) == TICKS


def test_scoring_does_not_touch_the_training(
    site: Site, undisturbed: tuple[Path, Count], tmp_path: Path
) -> None:
    job, listener = site.place.first_job(R16), Count()
    PhaseTraining(job, site.batches, StateFolder(tmp_path), listener).run()
    assert last_state(tmp_path).name == last_state(undisturbed[0]).name


@pytest.mark.parametrize("step", [1, 3, 4, 10])
def test_interrupted_it_ends_with_the_same_scores_and_choice(
    step: int, site: Site, undisturbed: tuple[Path, Count], tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        site.run(tmp_path / "states", last=step)
    site.run(tmp_path / "states")
    ours = site.emit(tmp_path / "states", tmp_path / "r16")
    wanted = site.emit(undisturbed[0], tmp_path / "wanted")
    for name in (SCORES, GENERATOR, LAST):
        assert (ours / name).read_bytes() == (wanted / name).read_bytes()


def test_interrupted_while_the_last_scores_are_awaited_nothing_is_lost(
    site: Site, undisturbed: tuple[Path, Count], tmp_path: Path
) -> None:
    states = StateFolder(tmp_path / "states")
    with pytest.raises(Interrupted):
        site.run(tmp_path / "states", last=R16.images // MINIBATCH)
    assert states.result(R16.images) is None, "not finished before it is scored"
    listener = site.run(tmp_path / "states")
    assert listener.steps == []
    assert states.result(R16.images) is not None
    ours = site.emit(tmp_path / "states", tmp_path / "r16")
    wanted = site.emit(undisturbed[0], tmp_path / "wanted")
    assert (ours / SCORES).read_bytes() == (wanted / SCORES).read_bytes()


def test_the_selected_generator_is_that_of_the_best_tick(
    site: Site, undisturbed: tuple[Path, Count], tmp_path: Path
) -> None:
    best = min(undisturbed[1].scores, key=lambda row: float(row["swd_avg"]))
    chosen = site.emit(undisturbed[0], tmp_path / "r16")
    assert tensors.read(chosen / GENERATOR)[1]["row"]["kimg"] == best["kimg"]
    assert tensors.read(chosen / LAST)[1]["row"]["kimg"] == R16.images / 1000
    last = site.emit(undisturbed[0], tmp_path / "last", select="last")
    assert (last / GENERATOR).read_bytes() == (last / LAST).read_bytes()
    assert (last / LAST).read_bytes() == (chosen / LAST).read_bytes()


def test_generators_are_kept_to_be_scored_again(undisturbed: tuple[Path, Count]) -> None:
    kept = Snapshots(undisturbed[0], "swd_avg", KEY)
    assert len(kept.files()) == TICKS


def test_other_code_of_the_metrics_scores_the_same_generators_again(
    site: Site, undisturbed: tuple[Path, Count], tmp_path: Path
) -> None:
    states = shutil.copytree(undisturbed[0], tmp_path / "states")
    other = Snapshots(states, "swd_avg", "edited")
    listener = Count()
    with quick_scorer(other, site.task) as scorer:
        assert follow(scorer, listener, 0)
    rows = Snapshots(states, "swd_avg", KEY).rows()
    assert listener.scores == list(other.rows().values()) == list(rows.values())
    assert last_state(states).name == last_state(undisturbed[0]).name


@pytest.mark.parametrize("harm", ["flipped", "empty", "another's"])
def test_damaged_scores_are_set_aside_and_made_again(
    harm: str,
    site: Site,
    undisturbed: tuple[Path, Count],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    states = shutil.copytree(undisturbed[0], tmp_path / "states")
    ours = Snapshots(states, "swd_avg", KEY)
    whole, file = ours.rows(), sorted(ours.scores.glob("*.json"))[1]
    text = file.read_text()
    digit = text.index("swd_avg") + len('swd_avg": ')
    flipped = text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :]
    other = next(p for p in ours.scores.glob("*.json") if p != file).read_text()
    file.write_text({"flipped": flipped, "empty": "", "another's": other}[harm])
    with pytest.raises(IntegrityError, match=file.name):
        ours.rows()
    with quick_scorer(ours, site.task) as scorer:
        assert follow(scorer, Count(), 0)
    assert ours.rows() == whole
    assert file.read_text() == text
    (line,) = capsys.readouterr().err.splitlines()
    assert file.name in line
    assert "set aside, and scored again" in line


@pytest.mark.parametrize("select", ["last", "best:swd_avg"])
def test_ticks_whose_generators_are_gone_have_no_scores_by_new_code(
    select: str,
    site: Site,
    undisturbed: tuple[Path, Count],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    states = shutil.copytree(undisturbed[0], tmp_path / "states")
    section = site.place.section(select=select)
    edited = Snapshots(states, section.best_by, "edited")
    first, *others = edited.files()
    edited.files()[first].unlink()
    for images in others:
        write_row(row_file(edited.scores, images), Snapshots(states, "", KEY).rows()[images])
    message = f"1 of {TICKS} ticks have no quick scores by today's code"
    arguments = StateFolder(states), R16.images, edited, section, tmp_path / "none", tmp_path / "to"
    if select == "last":
        result.emit(*arguments)
        assert message in capsys.readouterr().err
        assert len(read_rows(tmp_path / "to" / SCORES)) == TICKS - 1
    else:
        with pytest.raises(UsageError, match=message):
            result.emit(*arguments)


def test_training_waits_only_for_a_long_backlog(
    monkeypatch: pytest.MonkeyPatch, site: Site, tmp_path: Path
) -> None:
    class Slow:
        """Scores a snapshot whenever it is asked how far it is, but for the first times."""

        backlog, waiting, asked = 2, 0, 0
        most = 0

        def add(self, images: int, named: Mapping[str, Any], facts: Row) -> None:
            self.waiting += 1
            self.most = max(self.most, self.waiting)

        def behind(self) -> int:
            self.asked += 1
            if self.waiting > 2:
                self.waiting -= 1
            return self.waiting

        def news(self) -> list[Row]:
            return []

    monkeypatch.setattr(quick_scorer_module, "POLL_S", 0)
    slow, listener = Slow(), Count()
    run = PhaseTraining(
        site.place.first_job(R16), site.batches, StateFolder(tmp_path), listener, slow
    ).run
    with pytest.raises(Interrupted):  # nothing takes the last two away
        run(lambda: slow.asked > 50)
    assert len(listener.ticks) == TICKS
    assert slow.most == 3


@pytest.mark.parametrize(
    ("threads", "processes", "waits"),
    [(0, "1", True), (4, "1", True), (3, "1", False), (1, "4", True), (1, "3", False)],
)
def test_training_waits_for_scores_where_it_takes_all_cores(
    monkeypatch: pytest.MonkeyPatch, site: Site, threads: int, processes: str, waits: bool
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
    section = site.place.section(quick_images=20, threads=threads, device="cpu")
    task = quick_task(R16, section, "")
    assert task
    assert (task.threads, task.backlog == 0) == ((4, True) if waits else (1, False))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    beside = quick_task(R16, section.model_copy(update={"device": "cuda"}), "")
    assert beside
    assert beside.backlog > 0
    spec = network_spec()
    assert scores_key(task, spec) == scores_key(replace(task, backlog=9), spec)
    assert scores_key(task, spec) != scores_key(replace(task, threads=2), spec)


def test_a_scoring_process_that_is_killed_is_said(site: Site, tmp_path: Path) -> None:
    scorer = QuickScorer(Snapshots(tmp_path, "swd_avg", KEY), site.task)
    scorer.add(8, {}, {})
    assert scorer.process
    scorer.process.kill()
    scorer.process.wait()
    with pytest.raises(ResourceError, match=r"killed \(signal 9\).*lower train.quick_images"):
        scorer.behind()


def test_a_damaged_snapshot_is_named(site: Site, tmp_path: Path) -> None:
    one = Snapshots(tmp_path, "swd_avg", KEY)
    path = one.add(8, {}, {"number": 8})
    assert path
    damage(path)
    with quick_scorer(one, site.task) as scorer:
        assert scorer.process
        scorer.process.wait()
        with pytest.raises(PgpipeError, match=f"{path.name}: damaged.*scorer.log") as caught:
            scorer.behind()
    assert caught.value.exit_code == IntegrityError.exit_code


def test_what_another_process_has_scored_and_dropped_is_passed_over(
    site: Site, tmp_path: Path
) -> None:
    worker = Worker(site.task, tmp_path)
    worker.score(tmp_path / "000000000008-gone.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_half_the_data_set_is_compared_at_most(site: Site, tmp_path: Path) -> None:
    task = Task(str(site.folder), 16, 1000, False, 3, threads=1, backlog=0, inception=False)
    listener = site.run(tmp_path, task=task)
    assert {row["images"] for row in listener.scores} == {IMAGES // 2 - 1}, "whole pairs"


def test_more_images_are_drawn_for_the_inception_score_alone(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = site.place.section(
        select="best:inception_score", quick_images=20, quick_inception_images=44
    )
    task = quick_task(R16, section, str(site.folder))
    assert task
    counts = []

    def seen(_: object, chunks: Iterable[Images]) -> Features:
        count = sum(map(len, chunks))
        counts.append(count)
        return Features(torch.full((count, 2), 0.5), torch.rand(count, 2).double())

    monkeypatch.setattr(features, "network", lambda _: object())
    monkeypatch.setattr(features, "of", seen)
    worker = Worker(task, tmp_path)
    assert counts == [20, 44], "the reals that are compared with, and others"
    spec = network_spec(classes=3)
    assert len(worker.latents(spec)) == len(worker.labels(spec)) == 44
    by_fid = quick_task(R16, section.model_copy(update={"select": "best:fid"}), "")
    assert by_fid
    assert by_fid.inception_images == 0


# The folder alone


@pytest.fixture
def folder(tmp_path: Path) -> Snapshots:
    """Four snapshots: the best score is of a fade, the second best comes twice."""
    four = Snapshots(tmp_path, "swd_avg", KEY)
    for images, fade, score in ((8, 0.5, 1.0), (16, 1.0, 3.0), (24, 1.0, 2.0), (32, 1.0, 2.0)):
        assert four.add(images, {}, {"number": images})
        write_row(row_file(four.scores, images), {"fade": fade, "swd_avg": score})
    return four


def test_the_best_has_grown_whole_and_is_the_earliest_of_equals(folder: Snapshots) -> None:
    assert folder.best() == 24
    assert folder.best([8, 16]) == 16
    assert folder.best([8]) is None


def test_what_is_scored_is_not_written_again(folder: Snapshots) -> None:
    assert folder.add(16, {}, {"number": 16}) is None
    assert list(folder.files()) == [8, 16, 24, 32]


def test_the_oldest_are_dropped_where_all_are_too_large(
    folder: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = folder.files()[8].stat().st_size
    monkeypatch.setattr(snapshots, "KEPT_SNAPSHOT_BYTES", 3 * size)
    folder.prune()
    assert list(folder.files()) == [16, 24, 32]


def test_what_is_best_or_not_scored_is_not_dropped(
    folder: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = folder.add(40, {}, {})
    monkeypatch.setattr(snapshots, "KEPT_SNAPSHOT_BYTES", 0)
    folder.prune()
    assert folder.unscored() == [new]
    assert list(folder.files()) == [24, 40]


def test_a_best_tick_whose_generator_is_gone_is_not_replaced(
    folder: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "KEPT_SNAPSHOT_BYTES", 0)
    folder.prune()
    assert result.best_generator(folder, [8, 16, 24, 32]) == folder.files()[24]
    assert result.best_generator(folder, [8]) is None, "nothing has grown whole"
    with pytest.raises(
        UsageError, match=r"best tick, at 0.016 kimg.*is gone.*train the phase anew"
    ):
        result.best_generator(folder, [8, 16])


def test_rows_continue_those_of_the_phase_before_under_all_columns(tmp_path: Path) -> None:
    place: Row = {"kimg": 1.0, "phase": "r16", "resolution": 16, "fade": 1.0}
    write_rows(tmp_path / "a", tmp_path / "none", [{**place, "swd_16": 1.5}])
    write_rows(tmp_path / "b", tmp_path / "a", [{**place, "swd_32": 0.1, "swd_16": 2.5}])
    first, second = read_rows(tmp_path / "b")
    assert "swd_32" not in first
    assert (first["swd_16"], second["swd_16"], second["swd_32"]) == ("1.5", "2.5", "0.1")
    assert json.loads(second["kimg"]) == 1.0


def test_without_scores_there_is_a_header(tmp_path: Path) -> None:
    write_rows(tmp_path / "a", tmp_path / "none", [])
    assert (tmp_path / "a").read_text() == "kimg,phase,resolution,fade\n"
