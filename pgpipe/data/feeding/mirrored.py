"""The reals as a training sees them that mirrors: half of them with left and right exchanged.

A generator that learnt mirrored images would be charged for them where the reals are not mirrored.
Both official codes mirror each real with probability 1/2 when they score, too.
"""

import numpy as np
from numpy.typing import NDArray

from pgpipe import rng
from pgpipe.data.feeding.multires import ImageStore
from pgpipe.images import Images


class MirroredStore(ImageStore):
    """The images of a store; which of them are mirrored is a function of the seed alone."""

    def __init__(self, store: ImageStore, seed: int) -> None:
        self.shards, self.plain = store.shards, store.plain
        self.starts, self.shape = store.starts, store.shape
        drawn = rng.uniform((len(store),), rng.key(seed, "mirrored reals", 0))
        self.flipped: NDArray[np.bool_] = (drawn < 0.5).numpy()

    def take(self, indices: NDArray[np.int64]) -> Images:
        """uint8 [len(indices), N, N, C], copied."""
        images = super().take(indices)
        flipped = self.flipped[indices]
        images[flipped] = images[flipped, :, ::-1]
        return images


def order(count: int, seed: int) -> NDArray[np.int64]:
    """Return an order of a store's images; the first are those that scores compare with."""
    return rng.permutation(count, rng.key(seed, "reals", 0)).numpy()


def seen(store: ImageStore, mirror: bool, seed: int) -> ImageStore:
    """The images that scores compare with: those of the store, half of them mirrored if asked."""
    return MirroredStore(store, seed) if mirror else store
