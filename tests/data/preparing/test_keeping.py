"""A data set that is ended amid its making is gone on with, to the same bytes, or begun anew."""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinyparams import VALID

from pgpipe.data.config import DatasetSection
from pgpipe.data.feeding.multires import Block
from pgpipe.data.preparing import keeping, places, pyramid, writing
from pgpipe.data.preparing.keeping import PROGRESS, kept, key_of
from pgpipe.data.preparing.shards import ShardWriter
from pgpipe.errors import ResourceError
from pgpipe.plumbing.hashes import sha256_tree

IMAGES = 40
AT = [0, 1, 7, 8, 9, 39]  # a shard of r16 has 8 images


def blocks() -> Iterator[Block]:
    """One image each."""
    draw = np.random.default_rng(0)
    for number in range(IMAGES):
        image = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        yield pyramid.block([(image, f"{number % 3}", f"{number}")])


def ended_after(images: int, start: int, error: BaseException) -> Iterator[Block]:
    yield from islice(blocks(), start, images)
    raise error


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of 8 images at 16x16, and a mark after every block; no machine is switched off."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(writing, "ShardWriter", partial(ShardWriter, shard_bytes=8 * 16 * 16 * 3))
    monkeypatch.setattr(keeping, "MARK_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "MARK_SHARE", float("inf"))


def run(root: Path, target: Path, until: int = IMAGES, error: BaseException | None = None) -> int:
    """Make the set; how many images there were before."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with kept(root, "key", 16) as keeper:
        before = keeper.writer.taken
        rest = ended_after(until, before, error) if error else islice(blocks(), before, None)
        keeper.write(rest, target)
    return before


def end(root: Path, target: Path, until: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(root, target, until, KeyboardInterrupt())


@pytest.fixture
def whole(tmp_path: Path) -> str:
    """The hash of the set that nothing interrupted, written by the writer that keeps nothing."""
    writing.write(blocks(), tmp_path / "whole", 16, [])
    return sha256_tree(tmp_path / "whole")


@pytest.mark.parametrize("until", AT)
def test_it_goes_on_behind_the_last_mark_to_the_same_bytes(
    until: int, whole: str, tmp_path: Path
) -> None:
    root, target = tmp_path / "kept", tmp_path / "set"
    end(root, target, until)
    assert run(root, target) == until
    assert sha256_tree(target) == whole
    assert list(root.iterdir()) == []


def test_ended_after_every_image_it_ends_with_the_same_bytes(whole: str, tmp_path: Path) -> None:
    root, target = tmp_path / "kept", tmp_path / "set"
    for until in range(1, IMAGES):
        end(root, target, until)
    assert run(root, target) == IMAGES - 1
    assert sha256_tree(target) == whole


def test_what_was_written_behind_the_mark_does_not_count(
    whole: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, target = tmp_path / "kept", tmp_path / "set"
    end(root, target, 6)
    monkeypatch.setattr(keeping, "MARK_SECONDS", 1e9)
    end(root, target, 30)  # three shards later
    assert run(root, target) == 6
    assert sha256_tree(target) == whole


@pytest.mark.parametrize("name", ["r16/00000.npy", "r16/00002.npy", "r4/00000.npy", PROGRESS])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_damage_is_told_and_the_set_begun_anew(
    name: str, harm: str, whole: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, target = tmp_path / "kept", tmp_path / "set"
    end(root, target, 20)
    file = root / "key-0" / name
    data = bytearray(file.read_bytes())
    data[200] ^= 1
    file.write_bytes(data[:150] if harm == "cut" else data)
    if harm == "remove":
        file.unlink()
    assert run(root, target) == 0
    assert sha256_tree(target) == whole
    (*told,) = capsys.readouterr().err.splitlines()
    assert len(told) == (name != PROGRESS or harm != "remove")
    assert all(line.startswith("pgpipe: warning: ") and "begun anew" in line for line in told)


def test_shards_are_named_and_not_copied(tmp_path: Path) -> None:
    root, target = tmp_path / "kept", tmp_path / "set"
    end(root, target, 39)
    places_before = {file.stat().st_ino for file in root.rglob("*.npy")}
    run(root, target)
    assert places_before <= {file.stat().st_ino for file in target.rglob("r*/*.npy")}


def test_without_links_they_are_copied(
    whole: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refuse)
    run(tmp_path / "kept", tmp_path / "set")
    assert sha256_tree(tmp_path / "set") == whole


def test_a_full_disk_is_one_line_and_what_was_marked_stays(whole: str, tmp_path: Path) -> None:
    root, target = tmp_path / "kept", tmp_path / "set"
    with pytest.raises(ResourceError, match="the disk is full"):
        run(root, target, 20, OSError(errno.ENOSPC, "no space"))
    assert run(root, target) == 20
    assert sha256_tree(target) == whole


def test_nothing_stays_of_what_has_no_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MARK_SECONDS", 1e9)
    end(tmp_path / "kept", tmp_path / "set", 20)
    assert list((tmp_path / "kept").iterdir()) == []


def test_sets_of_other_parameters_go_when_one_is_done(tmp_path: Path) -> None:
    root, target = tmp_path / "kept", tmp_path / "set"
    end(root, target, 5)
    (root / "key-0").rename(root / "other-0")
    assert run(root, target) == 0
    assert list(root.iterdir()) == []


def hold(root: Path, pipe: Connection) -> None:
    with places.own(root, "key") as folder:
        pipe.send(folder.name)
        pipe.recv()


def test_two_processes_do_not_share_a_place(tmp_path: Path) -> None:
    root = tmp_path / "kept"
    here, there = get_context("fork").Pipe()
    process = get_context("fork").Process(target=hold, args=(root, there))
    process.start()
    assert here.recv() == "key-0"
    with places.own(root, "key") as folder:
        assert folder.name == "key-1"
    places.remove_abandoned(root)
    assert [place.name for place in root.iterdir()] == ["key-0"]
    here.send("end")
    process.join()
    with places.own(root, "key") as folder:
        assert folder.name == "key-0"


def test_marks_take_a_bounded_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MARK_SHARE", 0.03)
    clock = iter([100.0, 106.0])  # a mark of 6 s
    with kept(tmp_path, "key", 16) as keeper, keeper.writer as writer:
        writer.append(next(blocks()))
        monkeypatch.setattr(time, "monotonic", lambda: next(clock, 106.0))
        keeper.mark()
        assert keeper.timer.seconds == pytest.approx(200)


def dataset(**values: Any) -> DatasetSection:
    return DatasetSection(**{**VALID["dataset"], "name": "folder", **values})


def test_key_is_of_all_that_makes_the_pixels(tmp_path: Path) -> None:
    raw, memory = tmp_path / "raw", tmp_path / "memory.json"
    raw.mkdir()
    file = raw / "images.zip"
    file.write_bytes(b"zip")
    known = key_of(dataset(), raw, memory)
    assert key_of(dataset(path="elsewhere", max_rejected=7), raw, memory) == known
    for values in (
        {"resolution": 32},
        {"seed": 5},
        {"crop": "pad"},
        {"name": "tar"},
        {"images": 9},
    ):
        assert key_of(dataset(**values), raw, memory) != known
    file.write_bytes(b"ZIP")
    assert key_of(dataset(), raw, memory) != known
    file.write_bytes(b"zip")  # at another time
    assert key_of(dataset(), raw, memory) == known
    file.rename(raw / "others.zip")
    assert key_of(dataset(), raw, memory) != known
