"""The classifier of the data set's own labels, and the score that it is made for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tinyparams import score_numbers

from pgpipe import rng
from pgpipe.images import Images, to_float
from pgpipe.metrics import classifier, scores

CPU = torch.device("cpu")


def dark_and_bright(count: int, size: int, seed: int) -> tuple[Images, NDArray[np.int64]]:
    """Noise in the lower or the upper half of the range: two classes that anything separates."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = draw.integers(0, 128, (count, size, size, 1)) + 127 * labels[:, None, None, None]
    return images.astype(np.uint8), labels.astype(np.int64)


def trained(seed: int = 0) -> classifier.Classifier:
    images, labels = dark_and_bright(64, 16, 1)
    return classifier.train(images, labels, 2, 2000, 0.002, seed, CPU)


@pytest.fixture(scope="module")
def net() -> classifier.Classifier:
    return trained()


def test_learns_two_separable_classes(net: classifier.Classifier) -> None:
    images, labels = dark_and_bright(64, 16, 2)
    found = classifier.probabilities(net, [images])
    assert (found.argmax(dim=1).numpy() == labels).all()
    assert found.max(dim=1).values.mean() > 0.9


def test_is_the_same_each_time_and_another_for_another_seed(net: classifier.Classifier) -> None:
    again, other = trained().state_dict(), trained(seed=1).state_dict()
    for name, value in net.state_dict().items():
        assert torch.equal(value, again[name])
        assert not torch.equal(value, other[name])


def test_class_whose_only_image_was_held_out_has_its_place() -> None:
    images, labels = dark_and_bright(16, 16, 1)
    made = classifier.train(images, labels, 4, 64, 0.002, 0, CPU)
    assert classifier.probabilities(made, [images]).shape == (16, 4)


def test_loaded_is_what_was_saved(net: classifier.Classifier, tmp_path: Path) -> None:
    classifier.save(tmp_path / "one", net)
    loaded = classifier.load(tmp_path / "one", CPU)
    images, _ = dark_and_bright(8, 16, 3)
    assert torch.equal(
        classifier.probabilities(loaded, [images]), classifier.probabilities(net, [images])
    )
    classifier.save(tmp_path / "two", loaded)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_probabilities_sum_to_1_whatever_the_batches(net: classifier.Classifier) -> None:
    images, _ = dark_and_bright(10, 16, 3)
    whole = classifier.probabilities(net, [images])
    torch.testing.assert_close(whole.sum(dim=1), torch.ones(10))
    torch.testing.assert_close(classifier.probabilities(net, [images[:3], images[3:]]), whole)


@pytest.mark.parametrize("scale", [2, 4])
def test_larger_images_are_averaged_down(net: classifier.Classifier, scale: int) -> None:
    large, _ = dark_and_bright(4, scale * classifier.INPUT, 3)
    x = to_float(torch.from_numpy(large))
    blocks = x.unflatten(3, (-1, scale)).unflatten(2, (-1, scale))
    torch.testing.assert_close(net(x), net(blocks.mean(dim=(3, 5))))


def test_score_counts_as_many_generated_images_as_it_does_of_the_reals(
    net: classifier.Classifier,
) -> None:
    """Scores of unequal numbers of images do not compare, and the reals' own has section.images."""
    section = score_numbers(swd_images=16, ms_ssim_pairs=8, classifier_splits=1)
    reals, _ = dark_and_bright(16, 16, 3)
    fakes = np.concatenate([reals, reals[:8] // 2])
    enough = scores.of(fakes[: section.images], reals, net, section, CPU)
    assert scores.of(fakes, reals, net, section, CPU) == enough


def test_scores_without_a_classifier_are_the_others(net: classifier.Classifier) -> None:
    section = score_numbers(swd_images=16, ms_ssim_pairs=8, classifier_splits=2)
    reals, _ = dark_and_bright(16, 16, 3)
    with_it, without = (scores.of(reals, reals, n, section, CPU) for n in (net, None))
    assert with_it.keys() - without.keys() == {"classifier_score", "classifier_score_std"}
    numbers = {name: value for name, value in without.items() if value is not None}
    for name in ("swd_16", "swd_avg", "ms_ssim"):
        assert numbers[f"{name}_low"] <= numbers[name] <= numbers[f"{name}_high"]
    assert len(without) == 3 * 3
    assert without["swd_avg"] == without["swd_16"], "the mean over the levels"


def test_labels_that_the_classifier_gives_are_accurate(net: classifier.Classifier) -> None:
    section = score_numbers(swd_images=16, ms_ssim_pairs=8, classifier_splits=2)
    images, labels = dark_and_bright(20, 16, 3)
    right = scores.of(images, images, net, section, CPU, labels)
    assert right["label_accuracy"] == 1.0
    assert 0 < (right["class_ms_ssim"] or 0) <= 1
    labels[:4] = 1 - labels[:4]
    assert scores.of(images, images, net, section, CPU, labels)["label_accuracy"] == 12 / 16
    assert "label_accuracy" not in scores.of(images, images, None, section, CPU, labels)


@pytest.mark.parametrize("cells", [1, 2, 4])
def test_cells_see_what_is_where(cells: int, tmp_path: Path) -> None:
    """Swapping the halves of an image changes the answer only where there is more than one cell."""
    net = classifier.Classifier(1, 3, cells)
    x = torch.zeros(1, 1, 32, 32)
    x[..., 8, 8] = 1.0  # far enough from the borders for its effect to be the same
    moved = x.roll((16, 0), (2, 3))
    assert torch.allclose(net(x), net(moved), atol=1e-6) == (cells == 1)
    classifier.save(tmp_path / "net", net)
    assert torch.equal(classifier.load(tmp_path / "net", CPU)(x), net(x))


@pytest.mark.parametrize("most", [0, 1, 3])
def test_moved_images_are_rolled_by_every_distance(most: int) -> None:
    image, _ = dark_and_bright(1, 8, 0)
    rolled = [
        np.roll(image[0], (dy, dx), (0, 1)).tobytes()
        for dy in range(-most, most + 1)
        for dx in range(-most, most + 1)
    ]
    found = classifier.moved(image.repeat(500, 0), most, rng.key(0, "test", 0))
    assert {one.tobytes() for one in found} == set(rolled)
