"""Minibatches: every epoch is a permutation, and a minibatch depends on the images seen alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from pgpipe.data.feeding.batches import Batches
from pgpipe.data.feeding.multires import ImageStore

CPU = torch.device("cpu")
COUNT = 23


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    """Images whose pixels are their own number."""
    images = np.arange(COUNT, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2)
    np.save(tmp_path / "00000.npy", images[:10])
    np.save(tmp_path / "00001.npy", images[10:])
    return ImageStore(tmp_path)


def make(store: ImageStore, seed: int = 0, held: bool = False, labelled: bool = True) -> Batches:
    labels = torch.arange(COUNT) % 3 if labelled else None
    return Batches(store, labels, seed, CPU, held)


def order(batches: Batches, seen: int, count: int) -> list[int]:
    numbers: list[int] = batches.indices(seen, count).tolist()
    return numbers


def test_a_minibatch_may_be_many_epochs(store: ImageStore) -> None:
    batches, total = Batches(store, None, 0, CPU, held=False), len(store)
    found = batches.indices(total // 2, 5000 * total)
    epochs = np.split(found[total - total // 2 :][: 4999 * total], 4999)
    assert all((np.sort(epoch) == np.arange(total)).all() for epoch in epochs)
    assert (found[: total - total // 2] == batches.permutation(0)[total // 2 :]).all()


@pytest.mark.parametrize("epoch", [0, 1, 2, 50])
def test_every_epoch_is_a_permutation(store: ImageStore, epoch: int) -> None:
    assert sorted(order(make(store), epoch * COUNT, COUNT)) == list(range(COUNT))


def test_epochs_differ(store: ImageStore) -> None:
    batches = make(store)
    orders = {tuple(order(batches, epoch * COUNT, COUNT)) for epoch in range(20)}
    assert len(orders) == 20


def test_seeds_differ(store: ImageStore) -> None:
    assert order(make(store, seed=0), 0, COUNT) != order(make(store, seed=1), 0, COUNT)


def test_minibatches_follow_one_another_across_epochs(store: ImageStore) -> None:
    batches = make(store)
    whole = [i for epoch in range(5) for i in order(batches, epoch * COUNT, COUNT)]
    for size in (1, 4, 7, COUNT):
        parts = [i for seen in range(0, 80, size) for i in order(batches, seen, size)]
        assert parts == whole[: len(parts)]


@pytest.mark.parametrize("count", [COUNT + 1, 2 * COUNT, 3 * COUNT + 5])
def test_a_minibatch_may_be_larger_than_the_data(store: ImageStore, count: int) -> None:
    found = order(make(store), 4, count)
    assert len(found) == count
    assert max(np.bincount(found)) - min(np.bincount(found)) <= 2


def test_a_minibatch_depends_on_the_images_seen_alone(store: ImageStore) -> None:
    used, fresh = make(store), make(store)
    for seen in (0, 500, 8, 22, 16, 500):
        used.reals(seen, 8)
    for seen in (0, 20, 1000):
        ours, theirs = used.reals(seen, 8), fresh.reals(seen, 8)
        assert ours[0].equal(theirs[0])
        assert ours[1] is not None
        assert theirs[1] is not None
        assert ours[1].equal(theirs[1])


@pytest.mark.parametrize("held", [False, True])
def test_images_come_with_their_own_labels(store: ImageStore, held: bool) -> None:
    batches = make(store, held=held)
    images, labels = batches.reals(20, 9)
    assert images.dtype == torch.uint8
    assert images.shape == (9, 4, 4, 1)
    numbers = images[:, 0, 0, 0].long()
    assert numbers.tolist() == order(batches, 20, 9)
    assert labels is not None
    assert labels.equal(numbers % 3)


def test_holding_the_data_changes_nothing(store: ImageStore) -> None:
    ours, theirs = (make(store, held=held).reals(20, 9)[0] for held in (False, True))
    assert ours.equal(theirs)


def test_without_labels_there_are_none(store: ImageStore) -> None:
    batches = make(store, labelled=False)
    assert batches.reals(0, 4)[1] is None
    assert batches.random_labels(0, 4) is None


def test_random_labels_are_as_frequent_as_in_the_data(store: ImageStore) -> None:
    labels = torch.tensor([0] * 13 + [1] * 7 + [2] * 3)
    drawn = Batches(store, labels, 0, CPU, held=False).random_labels(0, 20_000)
    assert drawn is not None
    assert drawn.dtype == torch.int64
    expected = np.array([13, 7, 3]) / COUNT * 20_000
    assert stats.chisquare(torch.bincount(drawn).numpy(), expected).pvalue > 0.01


def test_random_labels_are_drawn_anew_each_step_and_the_same_again(store: ImageStore) -> None:
    batches = make(store)
    first, second = batches.random_labels(0, 50), batches.random_labels(8, 50)
    again = make(store).random_labels(0, 50)
    assert first is not None
    assert second is not None
    assert again is not None
    assert not first.equal(second)
    assert first.equal(again)


def test_random_labels_are_not_those_of_the_reals(store: ImageStore) -> None:
    batches = make(store)
    _, labels = batches.reals(0, 20)
    drawn = batches.random_labels(0, 20)
    assert labels is not None
    assert drawn is not None
    assert not labels.equal(drawn)


def test_the_next_minibatch_is_read_meanwhile_and_no_other_is_given(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, fresh = Batches(store, None, 0, CPU, held=False, ahead=True), make(store)
    read: list[list[int]] = []
    real = batches.read

    def noting(indices: NDArray[np.int64]) -> torch.Tensor:
        read.append(indices.tolist())
        return real(indices)

    monkeypatch.setattr(batches, "read", noting)
    for seen in (0, 8, 16, 400, 408, 408):  # in order, then a jump, then the same again
        given, _ = batches.reals(seen, 8)
        assert given.flatten(1)[:, 0].tolist() == order(fresh, seen, 8)
    assert batches.reader
    batches.reader.shutdown()
    assert read[:4] == [order(fresh, seen, 8) for seen in (0, 8, 16, 24)], "each once, one ahead"


def test_what_cannot_be_read_ahead_is_an_error_where_it_is_asked_for(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = Batches(store, None, 0, CPU, held=False, ahead=True)
    batches.reals(0, 8)
    first, _ = batches.reals(8, 8)

    def broken(_: torch.Tensor) -> torch.Tensor:
        raise OSError("gone")

    monkeypatch.setattr(batches, "read", broken)
    assert batches.reals(16, 8)[0].shape == first.shape, "was read before"
    with pytest.raises(OSError, match="gone"):
        batches.reals(24, 8)
