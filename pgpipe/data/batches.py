"""Minibatches in random order: a pure function of the images seen, so that any step can be redone.

Every epoch is one permutation of the data, itself a function of (seed, epoch).
"""

import numpy as np
import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.data.multires import ImageStore


class Batches:
    """Draws uint8 [n, N, N, C] and int64 [n] from a data set, on a device."""

    def __init__(
        self, store: ImageStore, labels: Tensor | None, seed: int, device: torch.device, held: bool
    ) -> None:
        """Keep the whole data set on the device if `held`, else copy batch by batch."""
        self.store, self.seed, self.device = store, seed, device
        self.labels = labels
        self.images = (
            torch.from_numpy(store.take(np.arange(len(store)))).to(device) if held else None
        )
        self.epoch, self.order = -1, torch.empty(0, dtype=torch.int64)

    def reals(self, seen: int, count: int) -> tuple[Tensor, Tensor | None]:
        """The `count` images that follow after `seen` images, and their labels."""
        indices = self.indices(seen, count)
        labels = None if self.labels is None else self.labels[indices].to(self.device)
        if self.images is not None:
            return self.images[indices.to(self.device)], labels
        return torch.from_numpy(self.store.take(indices.numpy())).to(self.device), labels

    def random_labels(self, seen: int, count: int) -> Tensor | None:
        """Labels as frequent as in the data: int64 [count]."""
        if self.labels is None:
            return None
        picks = rng.integers(len(self.labels), (count,), rng.key(self.seed, "labels g", seen))
        return self.labels[picks].to(self.device)

    def indices(self, seen: int, count: int) -> Tensor:
        """int64 [count], crossing from one epoch into the next where it has to."""
        parts: list[Tensor] = []
        while count:
            epoch, start = divmod(seen, len(self.store))
            part = self.permutation(epoch)[start : start + count]
            parts.append(part)
            seen, count = seen + len(part), count - len(part)
        return torch.cat(parts)

    def permutation(self, epoch: int) -> Tensor:
        """The order of one epoch; the last one asked for is kept."""
        if epoch != self.epoch:
            self.epoch = epoch
            self.order = rng.permutation(len(self.store), rng.key(self.seed, "epoch", epoch))
        return self.order
