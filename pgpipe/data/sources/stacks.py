"""Three random digits as the red, green and blue of an image: 1000 modes, equally likely.

The discrete-mode test of Metz et al. (2016) and of Karras et al. (2018, appendix). Its mode is
R + 10 G + 100 B, for the digits R, G, B that the channels show.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.feeding.multires import ImageStore
from pgpipe.data.preparing.pyramid import Sample
from pgpipe.images import Images
from pgpipe.plumbing.layout import MODE_PLACES

PLACES = np.array(MODE_PLACES)
MODES = tuple(f"{mode:03d}" for mode in range(1000))

Sources = NDArray[np.int64]  # [N, 3]: which digit is in each channel


class Digits(NamedTuple):
    """Single digits, which stacks are made of."""

    images: Images  # uint8 [n, 32, 32]
    digits: NDArray[np.int64]  # [n], 0..9


def draw(digits: int, stacks: int, seed: int) -> Sources:
    """Which of so many digits each channel of each stack takes; more stacks begin with the same."""
    from pgpipe import rng  # torch takes seconds to import, which other sets save

    return rng.integers(digits, (stacks, 3), rng.key(seed, "stacks", 0)).numpy()


def read(digits: Digits, sources: Sources) -> Iterator[Sample]:
    """Stack the sources of each image."""
    for number, three in enumerate(sources):
        image = np.moveaxis(digits.images[three], 0, -1)  # [32, 32, 3]
        yield image, MODES[digits.digits[three] @ PLACES], f"{number:07d}"


def singles(
    store: ImageStore, modes: NDArray[np.int64], sources: Sources
) -> tuple[Images, NDArray[np.int64]]:
    """Each source digit that occurs in stacks, once: uint8 [n, R, R, 1] and its digit [n]."""
    _, first = np.unique(sources, return_index=True)
    stacks, channels = np.divmod(first, 3)
    images = store.take(stacks)[np.arange(len(first)), :, :, channels]
    return images[..., None], modes[stacks] // PLACES[channels] % 10
