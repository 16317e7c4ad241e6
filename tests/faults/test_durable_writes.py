"""Killed at any system call of a durable write: the old content or the new one, never neither."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from faults.syscalls import Write, calls_of, kill_at, needs_strace
from faults.trials import Trials
from faults.variants import write_in_place
from pgpipe.images import png
from pgpipe.plumbing.files import write_bytes
from pgpipe.tracking import pictures
from pgpipe.tracking.push import Cursor, read_cursor, write_cursor
from pgpipe.tracking.spool import Run, Spool, read_points, read_run
from pgpipe.tracking.store import connect
from pgpipe.training.checkpoint import ENDS, StateFolder

MANY = 1000  # system calls, most of which read the sources of a library
OLD, NEW = b"old" * 3000, b"new" * 5000
PICTURE = png(np.zeros((8, 16, 3), np.uint8))
RUN = Run(key="k", name="n", experiment="e", params={}, tags={}, started_ms=0)

Check = Callable[[Path], None]


def state(folder: Path, images: int) -> Path:
    """Save a state that is a function of its images."""
    facts = {"progress": {"images": images}}
    return StateFolder(folder).save(images, {"weight": torch.full((5000,), float(images))}, facts)


def write_old(folder: Path) -> None:
    write_bytes(folder / "metrics.json", OLD)


def write_new(folder: Path) -> None:
    write_bytes(folder / "metrics.json", NEW)


def write_new_in_place(folder: Path) -> None:
    write_in_place(folder / "metrics.json", NEW)


def is_old_or_new(folder: Path) -> None:
    assert (folder / "metrics.json").read_bytes() in (OLD, NEW), "neither old nor new"
    write_new(folder)
    assert [file.name for file in folder.iterdir()] == ["metrics.json"], "litter"


def two_states(folder: Path) -> None:
    state(folder, 1)
    state(folder, 2)


def third_state(folder: Path) -> None:
    state(folder, 3)


def newest_is_second_or_third(folder: Path) -> None:
    states = StateFolder(folder)
    with states.locked():
        found = states.newest()
        assert found is not None
        tensors, facts = found
        assert facts["progress"]["images"] in (2, 3)
        assert tensors["weight"].eq(facts["progress"]["images"]).all()
        assert {path.suffix for path in folder.glob("*[!k]")} == {".safetensors"}
        assert not list(folder.glob(".*"))
        state(folder, 3)
        assert [int(path.name[:12]) for path in states.states()] == [2, 3]


def finish(folder: Path) -> None:
    StateFolder(folder).finish(2)


def finished_or_not(folder: Path) -> None:
    states = StateFolder(folder)
    assert len([*(folder / ENDS).glob("[!.]*")]) == (states.result(2) is not None)
    assert states.result(2) in (None, states.states()[-1])


def open_spool(folder: Path) -> Spool:
    """The spool of a project at `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        return Spool(RUN)


def first_point(folder: Path) -> None:
    open_spool(folder).append(1, {"loss": 1.0})


def second_point(folder: Path) -> None:
    open_spool(folder).append(2, {"loss": 2.0})


def spool_goes_on(folder: Path) -> None:
    """Whatever is there, the next process adds what is missing, and nothing is double."""
    spool = open_spool(folder)
    spool.append(1, {"loss": 1.0})
    spool.append(2, {"loss": 2.0})
    points, _ = read_points(spool.folder / "metrics.jsonl")
    assert [point.step for point in points] == [1, 2]
    assert read_run(spool.folder) == RUN


def tag(folder: Path) -> None:
    open_spool(folder).set_tags({"new": "tag"})


def tagged_or_not(folder: Path) -> None:
    assert read_run(next(folder.glob(".pgpipe/runs/*"))).tags in ({}, {"new": "tag"})


def put_artifact(folder: Path) -> None:
    spool = open_spool(folder)
    (folder / "picture.png").write_bytes(NEW)
    spool.add_artifact(folder / "picture.png", "previews")


def artifact_or_none(folder: Path) -> None:
    for file in folder.glob(".pgpipe/runs/*/artifacts/previews/[!.]*"):
        assert file.read_bytes() == NEW


def put_picture(folder: Path) -> None:
    spool = open_spool(folder)
    for path, data in pictures.logged(PICTURE, "previews/fixed-latents", 100).items():
        spool.add_content(path, data)


def picture_is_completed(folder: Path) -> None:
    """The stage again adds what is missing, under the same names, and nothing is double."""
    found = {f.name: f.read_bytes() for f in folder.glob(".pgpipe/runs/*/artifacts/images/[!.]*")}
    put_picture(folder)
    files = {f.name: f.read_bytes() for f in folder.glob(".pgpipe/runs/*/artifacts/images/[!.]*")}
    assert len(files) == 2
    assert found.items() <= files.items()


def old_cursor(folder: Path) -> None:
    write_cursor(folder, Cursor(run_id="id", description="description", offset=1))


def new_cursor(folder: Path) -> None:
    write_cursor(folder, Cursor(run_id="id", description="description", offset=2))


def cursor_is_old_or_new(folder: Path) -> None:
    assert read_cursor(folder).offset in (1, 2)


def nothing(_: Path) -> None:
    """A write that comes first."""


def create_store(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        connect("experiment")


def store_is_whole(folder: Path) -> None:
    create_store(folder)
    with sqlite3.connect(folder / "mlflow.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute(
            "SELECT name FROM experiments WHERE name != 'Default'"
        ).fetchall() == [("experiment",)]
    litter = {file.name for file in folder.iterdir()} - {"mlflow.db", ".pgpipe"}
    assert not litter


WRITES: dict[str, tuple[Write, Write, Check]] = {
    "manifest, metrics": (write_old, write_new, is_old_or_new),
    "state": (two_states, third_state, newest_is_second_or_third),
    "end": (two_states, finish, finished_or_not),
    "spool": (nothing, first_point, spool_goes_on),
    "point": (first_point, second_point, spool_goes_on),
    "tag": (first_point, tag, tagged_or_not),
    "artifact": (nothing, put_artifact, artifact_or_none),
    "picture": (first_point, put_picture, picture_is_completed),
    "cursor": (old_cursor, new_cursor, cursor_is_old_or_new),
    "store": (nothing, create_store, store_is_whole),
}


def kill_at_calls(
    trials: Trials, smoke: int, before: Write, write: Write, check: Check, folder: Path
) -> str:
    """Kill a write at its calls, all or some, and check what is left after each."""
    calls = calls_of(write, prepared(before, folder / "undisturbed"))
    if len(calls) > MANY:
        calls = [call for call in calls if call.changes]
    chosen = trials.random.sample(calls, min(len(calls), trials.number(smoke, len(calls))))
    for number, call in enumerate(chosen):
        place = prepared(before, folder / f"{number}")
        kill_at(call, write, place)
        check(place)
    return f"{len(chosen)} kills at {len(calls)} system calls"


def prepared(before: Write, folder: Path) -> Path:
    """A folder that a write finds."""
    folder.mkdir()
    before(folder)
    return folder


@needs_strace
@pytest.mark.parametrize("name", WRITES)
def test_killed_at_any_call_it_leaves_the_old_or_the_new(
    name: str, tmp_path: Path, warm: None, trials: Trials
) -> None:
    trials.reached(kill_at_calls(trials, 4, *WRITES[name], tmp_path))


@needs_strace
def test_the_same_kills_find_a_write_in_place(tmp_path: Path, warm: None, trials: Trials) -> None:
    with pytest.raises(AssertionError, match="neither old nor new"):
        kill_at_calls(trials, 40, write_old, write_new_in_place, is_old_or_new, tmp_path)
