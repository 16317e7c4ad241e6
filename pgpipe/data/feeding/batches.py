"""Minibatches in random order: a pure function of the images seen, so that any step can be redone.

Every epoch is one permutation of the data, itself a function of (seed, epoch).
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgpipe import rng
from pgpipe.data.feeding.multires import ImageStore


class Coming(NamedTuple):
    """A minibatch that is being read."""

    seen: int
    indices: NDArray[np.int64]  # [n]
    images: Future[Tensor]  # uint8 [n, N, N, C], of the host


class Batches:
    """Draws uint8 [n, N, N, C] and int64 [n] from a data set, on a device."""

    def __init__(
        self,
        store: ImageStore,
        labels: Tensor | None,
        seed: int,
        device: torch.device,
        held: bool,
        ahead: bool = False,
        codes: Tensor | None = None,
    ) -> None:
        """Keep the whole data set on the device if `held`, else copy batch by batch.

        Labels are int64 [N]; where they are captions, `codes` [K, E] has the vectors of these.
        `ahead` reads a minibatch while the one before is worked on: of use where that is not done
        by the same cores.
        """
        self.store, self.seed, self.device = store, seed, device
        self.on_cpu, self.pins = device.type == "cpu", device.type == "cuda"
        self.total, self.labels = len(store), labels
        self.codes = None if codes is None else codes.to(device)
        self.images = (
            torch.from_numpy(store.take(np.arange(len(store)))).to(device) if held else None
        )
        self.epoch, self.order = -1, np.empty(0, np.int64)
        self.reader = ThreadPoolExecutor(1, "reader") if ahead and not held else None
        self.coming: Coming | None = None

    def reals(self, seen: int, count: int) -> tuple[Tensor, Tensor | None]:
        """The `count` images that follow after `seen` images, and their labels."""
        if self.reader is not None:
            indices, images = self.read_ahead(self.reader, seen, count)
        else:
            indices = self.indices(seen, count)
            images = self.read(indices) if self.images is None else self.held(indices)
        if not self.on_cpu:  # where asking would cost as much as the rest of this function
            images = images.to(self.device, non_blocking=True)
        if self.labels is None:
            return images, None
        return images, self.labels[torch.from_numpy(indices)].to(self.device)

    def read_ahead(
        self, reader: ThreadPoolExecutor, seen: int, count: int
    ) -> tuple[NDArray[np.int64], Tensor]:
        """Indices and images of a minibatch; that which follows in order is begun."""

        def begin(seen: int) -> Coming:
            indices = self.indices(seen, count)
            return Coming(seen, indices, reader.submit(self.read, indices))

        now = self.coming
        if now is None or (now.seen, len(now.indices)) != (seen, count):
            now = begin(seen)
        self.coming = begin(seen + count)
        return now.indices, now.images.result()

    def held(self, indices: NDArray[np.int64]) -> Tensor:
        """From the device; plain indexing would take ten times as long on a CPU."""
        assert self.images is not None
        return self.images.index_select(0, torch.from_numpy(indices).to(self.device))

    def read(self, indices: NDArray[np.int64]) -> Tensor:
        """From the disk, into memory that a GPU copies from by itself where there is one."""
        images = torch.from_numpy(self.store.take(indices))
        return images.pin_memory() if self.pins else images

    def random_labels(self, seen: int, count: int) -> Tensor | None:
        """Labels as frequent as in the data: int64 [count]."""
        if self.labels is None:
            return None
        picks = rng.integers(len(self.labels), (count,), rng.key(self.seed, "labels g", seen))
        return self.labels[picks].to(self.device)

    def indices(self, seen: int, count: int) -> NDArray[np.int64]:
        """[count], crossing from one epoch into the next where it has to."""
        found: list[NDArray[np.int64]] = []
        while count:
            epoch, start = divmod(seen, self.total)
            found.append(self.permutation(epoch)[start : start + count])
            seen, count = seen + len(found[-1]), count - len(found[-1])
        return found[0] if len(found) == 1 else np.concatenate(found)

    def permutation(self, epoch: int) -> NDArray[np.int64]:
        """The order of one epoch, which is kept until another one's is asked for."""
        if epoch != self.epoch:
            key = rng.key(self.seed, "epoch", epoch)
            self.epoch, self.order = epoch, rng.permutation(self.total, key).numpy()
        return self.order
