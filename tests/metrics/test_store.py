"""Rows come back as they were written, from memory and from the disk."""

from pathlib import Path

import pytest
import torch
from imagesets import CPU
from torch import Tensor

from pgpipe.errors import ResourceError
from pgpipe.metrics import store
from pgpipe.metrics.store import READ, Store

WIDTH = 5
FULL = Path("/dev/full")  # of Linux: whatever is written there finds no space


def numbered(count: int, first: int = 0) -> Tensor:
    return torch.arange(first * WIDTH, (first + count) * WIDTH).view(-1, WIDTH).float()


@pytest.mark.parametrize("room", [0, 10, 11, 1 << 20])
@pytest.mark.parametrize("sizes", [(1, 7, 3), (11,), (READ, READ + 3), (5000, 1, 4999)])
def test_rows_come_back_in_order_again_and_again(sizes: tuple[int, ...], room: int) -> None:
    found = Store(WIDTH, room * WIDTH * 4, CPU)
    for size in sizes:
        found.append(numbered(size, found.rows))
    assert found.rows == sum(sizes)
    for _ in range(2):
        batches = list(found.batches())
        assert torch.equal(torch.cat(batches), numbered(sum(sizes)))
        assert all(len(batch) == READ for batch in batches[:-1])


def test_two_readers_do_not_disturb_each_other() -> None:
    found = Store(WIDTH, 0, CPU)
    found.append(numbered(2 * READ))
    for a, b in zip(found.batches(), found.batches(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("room", [0, 1 << 20])
def test_rows_can_be_added_between_readings(room: int) -> None:
    found = Store(WIDTH, room, CPU)
    found.append(numbered(2 * READ))
    next(found.batches())
    found.append(numbered(1, 2 * READ))
    assert torch.equal(torch.cat(list(found.batches())), numbered(2 * READ + 1))


def test_what_fits_is_kept_and_what_does_not_leaves_memory() -> None:
    found = Store(WIDTH, 10 * WIDTH * 4, CPU)
    found.append(numbered(10))
    assert found.file is None
    assert found.kept == 10 * WIDTH * 4
    found.append(numbered(1))
    assert found.file is not None
    assert found.kept == found.held.numel() == 0


def test_the_file_lies_in_the_project_and_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("TMPDIR", raising=False)
    found = Store(WIDTH, 0, CPU)
    found.append(numbered(READ))
    assert found.file is not None
    there = Path(f"/proc/self/fd/{found.file.fileno()}").readlink()
    assert there.is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [0, 3])
def test_a_full_disk_is_the_users_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(store, "TemporaryFile", lambda **_: FULL.open("w+b"))
    found = Store(WIDTH, room * WIDTH * 4, CPU)
    found.append(numbered(room))
    with pytest.raises(ResourceError, match=rf"{tmp_path}: the disk is full \([\d,]+ free\)"):
        found.append(numbered(1))
