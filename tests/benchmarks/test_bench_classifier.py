"""The accuracy on a published test set, of a classifier that always says the same."""

from pathlib import Path

import numpy as np
import pytest
import torch
from publishedsets import idx

from benchmarks.classifier import accuracy
from pgpipe.metrics import classifier


@pytest.mark.parametrize(
    ("fashion", "said", "share"),
    [
        (False, 3, 0.5),  # the digit 3
        (True, 3, 0.5),  # by their names, from "Ankle boot" on, the dresses, which are 3 here, too
        (True, 8, 0.3),  # T-shirts, which are 0
        (True, 0, 0.2),  # ankle boots, which are 9
        (True, 9, 0.0),
    ],
)
def test_classes_are_those_of_a_prepared_set(
    tmp_path: Path, fashion: bool, said: int, share: float
) -> None:
    digits = np.array([3] * 5 + [0] * 3 + [9] * 2, np.uint8)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(idx(np.zeros((10, 28, 28), np.uint8)))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(digits))
    net = classifier.Classifier(1, 10).requires_grad_(False)
    net.logits.weight.zero_()
    net.logits.bias.copy_(torch.arange(10) == said)
    classifier.save(tmp_path / "c.safetensors", net)
    found, count = accuracy(tmp_path / "c.safetensors", tmp_path, fashion)
    assert (found, count) == (share, 10)
