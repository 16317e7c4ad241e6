"""The benchmark of the loader: what it compares yields the same images; the table's arithmetic."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tinyproject import Run
from torch import Tensor

from benchmarks import data
from benchmarks.__main__ import app
from benchmarks.data import MINIBATCH, Pictures, Rates, indexing, lines, loading, ours
from benchmarks.steps import noise
from pgpipe.data.feeding.multires import ImageStore

COUNT = 2 * MINIBATCH


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImageStore:
    monkeypatch.setattr(data, "IMAGES", COUNT)
    monkeypatch.setattr(data, "PICTURES", COUNT)
    made = noise(tmp_path, 8, 3, COUNT)
    data.write_pictures(tmp_path, made)
    return made


def epochs(draw: Callable[[], Tensor]) -> list[list[bytes]]:
    """The images of two epochs, sorted."""
    found = [draw() for _ in range(4)]
    assert all(images.shape == (MINIBATCH, 8, 8, 3) for images in found)
    images = [[image.numpy().tobytes() for image in batch] for batch in found]
    return [sorted(images[0] + images[1]), sorted(images[2] + images[3])]


def test_all_three_show_every_image_once_an_epoch(store: ImageStore, tmp_path: Path) -> None:
    every = sorted(image.tobytes() for image in store.take(np.arange(COUNT)))
    assert len(set(every)) == COUNT
    for draw in (ours(store), indexing(store), loading(Pictures(tmp_path))):
        assert epochs(draw) == [every, every]


def test_noise_comes_again_where_more_is_asked_for_than_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.steps.DRAWN_BYTES", 2 * 8 * 8 * 3)
    images = noise(tmp_path, 8, 3, 5).take(np.arange(5))
    np.testing.assert_array_equal(images[[0, 1, 0]], images[[2, 3, 4]])
    assert (images[0] != images[1]).any()


def test_ratios_are_those_of_the_rates() -> None:
    row = list(lines([Rates(32, ours=600.0, numpy=400.0, loader=50.0)]))[1].split()
    assert row == ["32", "600", "400", "50", "1.50", "12.0"]


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_the_command_measures_each_resolution(command: Run) -> None:
    sizes = ["--resolution", "4", "--resolution", "16"]
    code, out, _ = command("data", "--repeats", "1", "--seconds", "0", *sizes, app=app)
    assert code == 0, out
    assert [line.split()[0] for line in out.splitlines()] == ["pixels", "4", "16"]
