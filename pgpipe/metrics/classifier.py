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

from pgpipe import rng, tensors
from pgpipe.images import Images, to_float

INPUT = 32  # pixels; larger images are averaged down
MAPS = (32, 64, 128)
MINIBATCH = 64


class Classifier(nn.Module):
    """Three strided convolutions and a linear layer: [N, C, R, R] in [-1, 1] -> [N, classes]."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        maps = (channels, *MAPS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(maps, MAPS, strict=False)
        )
        self.logits = nn.Linear(MAPS[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, R, R] -> [N, classes]."""
        if x.shape[-1] > INPUT:
            x = F.avg_pool2d(x, x.shape[-1] // INPUT)
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
        logits: Tensor = self.logits(x.mean(dim=(2, 3)))
        return logits


def train(
    images: Images,
    labels: NDArray[np.int64],
    shown: int,
    learning_rate: float,
    seed: int,
    device: torch.device,
) -> Classifier:
    """Fit a classifier to uint8 [N, R, R, C] and int64 [N], by `shown` images with Adam."""
    net = Classifier(images.shape[-1], int(labels.max()) + 1)
    for name, parameter in net.named_parameters():
        initialise(name, parameter, seed)
    net.to(device)
    optimiser = torch.optim.Adam(net.parameters(), learning_rate)
    for seen in range(0, shown, MINIBATCH):
        picks = rng.integers(len(images), (MINIBATCH,), rng.key(seed, "classifier", seen)).numpy()
        x = to_float(torch.from_numpy(images[picks]).to(device))
        loss = F.cross_entropy(net(x), torch.from_numpy(labels[picks]).to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.requires_grad_(False)


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


def save(path: Path, net: Classifier) -> None:
    """Write the classifier; the file says what it takes to load it."""
    facts = {"channels": net.convolutions[0].in_channels, "classes": net.logits.out_features}
    tensors.save(path, net.state_dict(), facts)


def load(path: Path, device: torch.device) -> Classifier:
    """Read what `save` wrote."""
    named, facts = tensors.read(path)
    net = Classifier(**facts)
    net.load_state_dict(named)
    return net.to(device).requires_grad_(False)
