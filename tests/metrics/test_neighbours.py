"""Neighbours against a plain search, the test's chance against counting, alarms on planted ones."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from pgpipe.images import Images
from pgpipe.metrics import neighbours
from pgpipe.metrics.neighbours import NEIGHBOURS, Near, chance, nearest, verdict

SIDE = 8


def images(count: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def pixels(batch: Images) -> Tensor:
    return torch.tensor(batch).flatten(1)


def others(count: int) -> Tensor:
    """Of images that are no training images."""
    return torch.full((count,), -1)


def plain(one: Images, training: Images) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The distance to each training image, one by one."""
    return np.array([np.sqrt(((one.astype(float) - t) ** 2).mean()) for t in training])


def test_neighbours_are_those_of_a_plain_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 64)
    training, some = images(200), images(5, seed=1)
    near = nearest(pixels, [some[:2], some[2:]], others(5), training)
    assert near.distances.shape == (5, NEIGHBOURS)
    for number, one in enumerate(some):
        wanted = plain(one, training)
        np.testing.assert_array_equal(near.indices[number], wanted.argsort()[:NEIGHBOURS])
        np.testing.assert_allclose(near.distances[number], np.sort(wanted)[:NEIGHBOURS])
        ratio = np.sort(wanted)[0] / np.sort(wanted)[:NEIGHBOURS].mean()
        assert float(near.ratios[number]) == pytest.approx(ratio)


def test_a_mirrored_copy_is_found_where_training_mirrors() -> None:
    training = images(200)
    copy = training[7:8, :, ::-1].copy()
    for mirror, distance in ((True, 0), (False, 50)):
        near = nearest(pixels, [copy], others(1), training, mirror)
        assert (float(near.distances[0, 0]) == 0) == (distance == 0)
    near = nearest(pixels, [copy], others(1), training, mirror=True)
    assert (int(near.indices[0, 0]), bool(near.mirrored[0, 0])) == (7, True)
    assert float(near.ratios[0]) == 0


@pytest.mark.parametrize("mirror", [False, True])
def test_a_training_image_is_no_neighbour_of_itself_or_its_like(mirror: bool) -> None:
    training = images(100)
    training[90] = training[3]  # a duplicate
    training[4] = training[4, :, ::-1] // 2 + training[4] // 2  # all but its own mirror image
    near = nearest(pixels, [training[[3, 4]]], torch.tensor([3, 4]), training, mirror)
    rest = np.delete(training, [3, 90], axis=0)
    wanted = min(plain(training[3], some).min() for some in (rest, rest[:, :, ::-1])[: 1 + mirror])
    assert float(near.distances[0, 0]) == pytest.approx(wanted)
    assert (near.distances[:, 0] > 50).all()
    assert 4 not in near.indices[1]


def test_the_ratio_of_images_that_are_all_the_same_is_one() -> None:
    flat = np.zeros((20, SIDE, SIDE, 1), np.uint8)
    assert nearest(pixels, [flat[:2]], others(2), flat).ratios.tolist() == [1, 1]
    assert nearest(pixels, [flat[:2]], torch.arange(2), flat).ratios.tolist() == [1, 1]


@pytest.mark.parametrize(("generated", "reals", "rank"), [(4, 5, 1), (5, 4, 2), (3, 6, 6)])
def test_chance_is_that_of_counting_all_orders(generated: int, reals: int, rank: int) -> None:
    """Every set of places that the reals may have in the order of both is equally likely."""
    orders = combinations(range(generated + reals), reals)
    counts = [places[rank - 1] - (rank - 1) for places in orders]  # generated before that real
    for below in range(generated + 1):
        wanted = np.mean([count >= below for count in counts])
        assert chance(below, generated, rank, reals) == pytest.approx(wanted)


def test_the_test_is_silent_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    found = [
        verdict(*(torch.tensor(draw.gamma(2, size=n)) for n in (300, 500))) for _ in range(400)
    ]
    assert np.mean([one.share for one in found]) == pytest.approx(found[0].expected, rel=0.15)
    assert np.mean([one.chance < 0.05 for one in found]) < 0.08
    assert np.mean([one.copies for one in found]) < 0.01


def test_one_copy_in_twenty_is_an_alarm_and_one_in_a_thousand_is_none() -> None:
    draw = np.random.default_rng(0)
    reals, generated = (torch.tensor(draw.uniform(0.5, 1, n)) for n in (500, 1000))
    generated[:50] = 0.1
    found = verdict(generated, reals)
    assert found.copies
    assert found.share == pytest.approx(0.05 + 0.95 * found.expected, abs=0.01)
    generated[1:50] = 0.9
    assert not verdict(generated, reals).copies


def test_few_reals_prove_little() -> None:
    """Twelve reals, and every tenth of thirty images a copy: no alarm, as it may be chance."""
    ratios = torch.linspace(0.5, 1, 30)
    ratios[:3] = 0
    found = verdict(ratios, torch.linspace(0.6, 1, 12))
    assert not found.copies
    assert 0.005 < found.chance < 1


def test_rows_of_neighbours_are_cut_out_together() -> None:
    near = Near(torch.rand(4, 3), torch.arange(12).view(4, 3), torch.zeros(4, 3, dtype=torch.bool))
    assert near.of(slice(1, 3)).indices.tolist() == [[3, 4, 5], [6, 7, 8]]
