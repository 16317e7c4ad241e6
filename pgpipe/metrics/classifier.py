"""A small classifier of the data set's own labels, for a score of the Inception score's form.

It is no Inception network and its score is never called an Inception score: the numbers compare
between experiments on one data set only.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pgpipe import rng
from pgpipe.images import Images, to_float
from pgpipe.metrics.config import Protocol
from pgpipe.metrics.inception import inception_score
from pgpipe.optimisers import Adam
from pgpipe.plumbing import tensors

INPUT = 32  # pixels; larger images are averaged down
MAPS = (32, 64, 128)
MINIBATCH = 64


class Classifier(nn.Module):
    """Three strided convolutions and a linear layer: [N, C, R, R] in [-1, 1] -> [N, classes].

    The linear layer sees the last maps averaged in `cells` x `cells` parts: 1 where it does not
    matter what is where in an image.
    """

    def __init__(self, channels: int, classes: int, cells: int = 1) -> None:
        super().__init__()
        self.cells = cells
        maps = (channels, *MAPS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(maps, MAPS, strict=False)
        )
        self.logits = nn.Linear(MAPS[-1] * cells**2, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, R, R] -> [N, classes]."""
        logits: Tensor = self.logits(self.features(x))
        return logits

    def features(self, x: Tensor) -> Tensor:
        """[N, C, R, R] -> what the linear layer sees, [N, 128 cells^2]."""
        if x.shape[-1] > INPUT:
            x = F.avg_pool2d(x, x.shape[-1] // INPUT)
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
        return F.adaptive_avg_pool2d(x, self.cells).flatten(1)


def train(
    images: Images,
    labels: NDArray[np.int64],
    classes: int,
    shown: int,
    learning_rate: float,
    seed: int,
    device: torch.device,
    cells: int = 1,
    shift: int = 0,
    codes: Tensor | None = None,
) -> Classifier:
    """Fit a classifier to uint8 [N, R, R, C] and int64 [N], by `shown` images with Adam.

    Some of the classes may have no image among them, as one that was held out was the only one of
    its class. Each image is moved by up to `shift` pixels along each axis, differently each time.
    Where labels have vectors, `codes` [K, classes], inner products with these are the logits.
    """
    net = Classifier(images.shape[-1], classes, cells)
    for name, parameter in net.named_parameters():
        initialise(name, parameter, seed)
    net.to(device)
    optimiser = Adam(net.parameters(), learning_rate)
    for seen in range(0, shown, MINIBATCH):
        picks = rng.integers(len(images), (MINIBATCH,), rng.key(seed, "classifier", seen)).numpy()
        some = moved(images[picks], shift, rng.key(seed, "classifier moves", seen))
        x = to_float(torch.from_numpy(some).to(device))
        logits = net(x) if codes is None else net(x) @ codes.to(device).T
        loss = F.cross_entropy(logits, torch.from_numpy(labels[picks]).to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.requires_grad_(False)


def moved(images: Images, most: int, key: Tensor) -> Images:
    """Roll each of uint8 [n, R, R, C] by up to `most` pixels along each axis."""
    if not most:
        return images
    count, side = images.shape[:2]
    by = rng.integers(2 * most + 1, (count, 2, 1), key).numpy() - most
    rows, columns = (np.arange(side) - by).swapaxes(0, 1) % side  # [n, R] each
    out: Images = images[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return out


@torch.no_grad()
def initialise(name: str, parameter: nn.Parameter, seed: int) -> None:
    """He's normal initialisation; biases 0."""
    if name.endswith("bias"):
        parameter.zero_()
    else:
        draw = rng.normal(tuple(parameter.shape), rng.key(seed, f"classifier {name}", 0))
        parameter.copy_(draw * (2 / parameter[0].numel()) ** 0.5)


@torch.no_grad()
def probabilities(net: Classifier, batches: Iterable[Images]) -> Tensor:
    """p(y|x) of uint8 [n, R, R, C] batches: float32 [N, classes]."""
    device = net.logits.weight.device
    parts = [net(to_float(torch.from_numpy(b).to(device))).softmax(dim=1).cpu() for b in batches]
    return torch.cat(parts)


def scores(
    probabilities: Tensor, labels: NDArray[np.int64] | None, protocol: Protocol
) -> dict[str, float]:
    """`classifier_score` of p(y|x) [N, classes], and `label_accuracy` where labels [N] are."""
    mean, deviation = inception_score(probabilities, protocol.classifier_splits)
    found = {"classifier_score": mean, "classifier_score_std": deviation}
    if labels is not None:
        found["label_accuracy"] = accuracy(probabilities, labels[: len(probabilities)])
    return found


def accuracy(probabilities: Tensor, labels: NDArray[np.int64]) -> float:
    """The share of [N, classes] whose likeliest class is the label: 0..1, higher is better."""
    return float((probabilities.argmax(dim=1).numpy() == labels).mean())


def save(path: Path, net: Classifier) -> None:
    """Write the classifier; the file says what it takes to load it."""
    channels, classes = net.convolutions[0].in_channels, net.logits.out_features
    facts = {"channels": channels, "classes": classes, "cells": net.cells}
    tensors.save(path, net.state_dict(), facts)


def load(path: Path, device: torch.device) -> Classifier:
    """Read what `save` wrote."""
    named, facts = tensors.read(path)
    net = Classifier(**facts)
    net.load_state_dict(named)
    return net.to(device).requires_grad_(False)
