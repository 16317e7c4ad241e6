"""Minibatches in random order: a pure function of the images seen, so that any step can be redone.

Every epoch is one permutation of the data, itself a function of (seed, epoch).
"""

import numpy as np
import torch
from numpy.typing import NDArray
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
        self.epoch, self.order = -1, np.empty(0, np.int64)

    def reals(self, seen: int, count: int) -> tuple[Tensor, Tensor | None]:
        """The `count` images that follow after `seen` images, and their labels."""
        indices = self.indices(seen, count)
        labels = None
        if self.labels is not None:
            labels = self.labels[torch.from_numpy(indices)].to(self.device)
        if self.images is not None:
            chosen = torch.from_numpy(indices).to(self.device)
            return self.images.index_select(0, chosen), labels  # [] is ten times slower on a CPU
        return torch.from_numpy(self.store.take(indices)).to(self.device), labels

    def random_labels(self, seen: int, count: int) -> Tensor | None:
        """Labels as frequent as in the data: int64 [count]."""
        if self.labels is None:
            return None
        picks = rng.integers(len(self.labels), (count,), rng.key(self.seed, "labels g", seen))
        return self.labels[picks].to(self.device)

    def indices(self, seen: int, count: int) -> NDArray[np.int64]:
        """int64 [count], crossing from one epoch into the next where it has to."""
        epoch, start = divmod(seen, len(self.store))
        found = self.permutation(epoch)[start : start + count]
        if len(found) == count:
            return found
        rest = self.indices(seen + len(found), count - len(found))
        return np.concatenate([found, rest])

    def permutation(self, epoch: int) -> NDArray[np.int64]:
        """The order of one epoch; the last one asked for is kept."""
        if epoch != self.epoch:
            self.epoch = epoch
            key = rng.key(self.seed, "epoch", epoch)
            self.order = rng.permutation(len(self.store), key).numpy()
        return self.order
