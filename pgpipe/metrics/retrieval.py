"""How often the caption of an image is found among 100 captions.

A small network, of the classifier's form, says a vector of an image; its inner products with the
captions' vectors are trained to be largest for the image's own caption (a classifier of images
against captions, as Radford et al. 2021, without a network of the text). Captions that it has not
seen are compared, and reals with such captions say how often it can be right.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgpipe.images import Images, to_float
from pgpipe.metrics import classifier
from pgpipe.metrics.bootstrap import resampled_means, with_interval
from pgpipe.metrics.classifier import Classifier
from pgpipe.metrics.config import Protocol
from pgpipe.plumbing import tensors

CANDIDATES = 100  # captions, an image's own among them
CELLS = 4  # of the network: it tells what is where in an image
SHIFTED = 16  # images move by up to this part of their side while it is trained


class Retrieval(NamedTuple):
    """The network, and the captions among which an image's own is looked for."""

    net: Classifier
    numbers: NDArray[np.int64]  # of the captions, rising: [K]
    codes: Tensor  # their vectors [K, E]


def train(
    images: Images,
    numbers: NDArray[np.int64],
    codes: Tensor,
    shown: int,
    learning_rate: float,
    seed: int,
    device: torch.device,
) -> Classifier:
    """Fit the network to uint8 [N, R, R, C], whose captions are `numbers` [N] of `codes` [K, E]."""
    shift = images.shape[1] // SHIFTED
    return classifier.train(
        images,
        numbers,
        codes.shape[1],
        shown,
        learning_rate,
        seed,
        device,
        CELLS,
        shift,
        codes,
    )


@torch.no_grad()
def vectors(net: Classifier, batches: Iterable[Images]) -> Tensor:
    """Return what the network says of uint8 [n, R, R, C] batches: [N, E]."""
    device = net.logits.weight.device
    return torch.cat([net(to_float(torch.from_numpy(b).to(device))).cpu() for b in batches])


def scores(
    found: Tensor, numbers: NDArray[np.int64], known: Retrieval, protocol: Protocol
) -> dict[str, float]:
    """`caption_retrieval` of images' vectors [N, E] and the numbers of their captions [N].

    It is the mean chance that no other caption of 99 drawn at random fits an image as well as its
    own. Images whose captions are not among those compared are left out; where all are, there is no
    score.
    """
    numbers = numbers[: len(found)]
    compared = np.isin(numbers, known.numbers)
    if not compared.any() or len(known.numbers) < 2:
        return {}
    fit = found[torch.from_numpy(compared)] @ known.codes.T  # [n, K]
    own = torch.from_numpy(np.searchsorted(known.numbers, numbers[compared]))
    better = (fit >= fit.gather(1, own[:, None])).sum(dim=1).numpy() - 1
    chances = chance_of_none(better, len(known.numbers) - 1)
    resampled = resampled_means(chances, protocol.seed)
    return with_interval("caption_retrieval", float(chances.mean()), resampled)


def chance_of_none(better: NDArray[np.int64], others: int) -> NDArray[np.float64]:
    """Return the chance [n] that none of `better` [n] is drawn, of 99 or all others, each once."""
    chance = np.ones(len(better))
    for drawn in range(min(CANDIDATES - 1, others)):
        left = others - drawn
        chance *= np.maximum(left - better, 0) / left
    return chance


def save(path: Path, known: Retrieval) -> None:
    """Write the network and the captions that are compared."""
    net, numbers = known.net, torch.from_numpy(known.numbers)
    facts = {
        "channels": net.convolutions[0].in_channels,
        "classes": net.logits.out_features,
        "cells": net.cells,
    }
    tensors.save(path, {**net.state_dict(), "codes": known.codes, "numbers": numbers}, facts)


def load(path: Path, device: torch.device) -> Retrieval:
    """Read what `save` wrote."""
    named, facts = tensors.read(path)
    codes, numbers = named.pop("codes"), named.pop("numbers")
    net = Classifier(**facts)
    net.load_state_dict(named)
    return Retrieval(net.to(device).requires_grad_(False), numbers.numpy(), codes)
