"""Images as the Inception network sees them: what FID, KID, precision and recall compare."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from pgpipe.errors import UsageError
from pgpipe.images import Images
from pgpipe.metrics import inception_file, inception_v3
from pgpipe.plumbing.processes.group import ALONE, Processes
from pgpipe.plumbing.terminal import counted

MINIBATCH = 32  # images; bounds the memory, and no feature depends on it beyond rounding


class Features(NamedTuple):
    """What the network gives for N images, on the CPU."""

    pooled: Tensor  # float32 [N, 2048]
    probabilities: Tensor  # p(y|x), float32 [N, 1008]


def network(device: torch.device) -> inception_v3.InceptionV3:
    """The network; what is wrong with its file is an error of `inception_file.read`."""
    return inception_v3.load(inception_file.read(), device)


@torch.inference_mode()
def of(
    net: inception_v3.InceptionV3, batches: Iterable[Images], group: Processes = ALONE
) -> Features:
    """Features of a stream of uint8 batches [n, H, W, 1 or 3]; gray is repeated.

    Of a group, each process has its share of the batches, and gets the features of all.
    """
    device = net.fc.weight.device
    pooled, probabilities = [], []
    for batch in batches:
        for part in torch.from_numpy(batch).split(MINIBATCH):
            images = part.to(device).permute(0, 3, 1, 2).float().expand(-1, 3, -1, -1)
            features = net.features(images)
            pooled.append(features.cpu())
            probabilities.append(net.logits(features).softmax(dim=1).cpu())
    return Features(*(torch.cat(group.joined(parts)) for parts in (pooled, probabilities)))


def require(least: int, score: str, fakes: Tensor, reals: Tensor) -> None:
    """Refuse, as a UsageError, sets of fewer than `least` features or with one not finite."""
    for name, features in (("generated", fakes), ("real", reals)):
        if len(features) < least:
            found = counted(len(features), f"{name} image", verb=True)
            raise UsageError(f"{score}: {found} not >= {least}")
        bad = (~features.isfinite()).any(dim=1).nonzero()
        if len(bad):
            raise UsageError(f"{score}: the features of {name} image {int(bad[0])} are not finite")
