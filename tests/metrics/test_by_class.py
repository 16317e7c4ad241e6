"""Each class apart, by a classifier that looks at one pixel."""

import numpy as np
import pytest
import torch
from literal import ms_ssim as literal_ms_ssim
from torch import Tensor

from pgpipe.metrics.by_class import by_class

CPU = torch.device("cpu")
NAMES = ["cat", "dog", "egg"]


class ByBrightness(torch.nn.Module):
    """Black is a cat, gray a dog, white an egg."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = torch.nn.Linear(1, 1)  # says where it computes

    def forward(self, x: Tensor) -> Tensor:
        level = x.mean(dim=(1, 2, 3))
        return -torch.stack([(level - center).abs() for center in (-1.0, 0.0, 1.0)], dim=1)


def gray(*levels: int) -> np.ndarray:
    return np.stack([np.full((16, 16, 3), level, np.uint8) for level in levels])


def test_shares_and_confusions_of_each_class() -> None:
    images = gray(0, 0, 128, 255, 128, 0, 0, 255)
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    found = by_class(images, labels, NAMES, ByBrightness(), CPU)  # type: ignore[arg-type]
    assert list(found) == ["cat", "dog"], "nothing was drawn with the label egg"
    cat, dog = found.values()
    assert (cat.images, cat.found) == (4, 0.5)
    assert cat.taken_for in {"dog", "egg"}
    assert (dog.images, dog.found, dog.taken_for) == (4, 0.25, "cat")


def test_likeness_is_that_of_the_pairs_of_a_class() -> None:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (7, 16, 16, 3), dtype=np.uint8)
    labels = np.array([0, 1, 0, 1, 1, 2, 1])
    found = by_class(images, labels, NAMES, ByBrightness(), CPU)  # type: ignore[arg-type]
    pairs = {"cat": [(0, 2)], "dog": [(1, 3), (4, 6)]}
    for name, places in pairs.items():
        wanted = [literal_ms_ssim.ms_ssim(images[[a]], images[[b]])[0] for a, b in places]
        assert found[name].alike == pytest.approx(np.mean(wanted), abs=1e-5)
    assert found["egg"].alike is None


def test_a_class_that_is_always_found_is_taken_for_nothing() -> None:
    found = by_class(gray(0, 0), np.array([0, 0]), NAMES, ByBrightness(), CPU)  # type: ignore[arg-type]
    assert found["cat"][:3] == (2, 1.0, "")
    assert found["cat"].alike == pytest.approx(1, abs=1e-6)
