"""Sets of images of several kinds, and as streams."""

from collections.abc import Iterator
from importlib import resources

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from pgpipe.images import Images
from pgpipe.metrics.streams import Stream

CPU = torch.device("cpu")


def noise(count: int, size: int, seed: int) -> Images:
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def smooth(count: int, size: int, seed: int) -> Images:
    """Low-pass noise, as wide as the range allows, each channel on its own."""
    field = np.random.default_rng(seed).standard_normal((count, size, size, 3))
    field = ndimage.gaussian_filter(field, (0, size / 8, size / 8, 0), mode="wrap")
    images: Images = np.clip(128 + 50 * field / field.std(), 0, 255).astype(np.uint8)
    return images


def windows(count: int, size: int, seed: int) -> Images:
    """Unscaled windows into a photograph that scikit-image carries."""
    with (resources.files("skimage") / "data" / "coffee.png").open("rb") as file:
        photo = np.asarray(Image.open(file).convert("RGB"))
    draw = np.random.default_rng(seed)
    tops = draw.integers(0, photo.shape[0] - size, count)
    lefts = draw.integers(0, photo.shape[1] - size, count)
    return np.stack(
        [photo[t : t + size, x : x + size] for t, x in zip(tops, lefts, strict=True)]
    ).astype(np.uint8)


def stream(images: Images, batch: int = 1000) -> Stream:
    def batches() -> Iterator[Images]:
        for start in range(0, len(images), batch):
            yield images[start : start + batch]

    return batches
