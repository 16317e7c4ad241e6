"""Pictures to measure with: any number of them, of any size, made as they are read.

Each is a window into one picture of coarse and fine noise. 16,384 of 1024x1024 would be a file of
51 GB; a copied window costs less than to read it from there.
"""

import numpy as np
from torch.nn.functional import interpolate

from pgpipe import rng
from pgpipe.images import Images

PLACES = 512  # pixels that windows may move by


class Windows:
    """As an array uint8 [count, R, R, 3], but not in memory."""

    def __init__(self, count: int, resolution: int, seed: int) -> None:
        """Windows of `resolution` pixels; the seed says where they lie, and in which picture."""
        self.resolution, self.pixels = resolution, picture(resolution + PLACES, seed)
        corners = rng.integers(PLACES, (count, 2), rng.key(seed, "windows", 0))
        self.corners: list[list[int]] = corners.tolist()

    def __len__(self) -> int:
        """Their count."""
        return len(self.corners)

    def __getitem__(self, chosen: slice, /) -> Images:
        """uint8 [n, R, R, 3]."""
        size = self.resolution
        return np.stack(
            [
                self.pixels[top : top + size, left : left + size]
                for top, left in self.corners[chosen]
            ]
        )


def picture(side: int, seed: int) -> Images:
    """Noise of 16 pixels, and of one: uint8 [side, side, 3]."""
    coarse = rng.normal((1, 3, side // 16, side // 16), rng.key(seed, "coarse", 0))
    smooth = interpolate(coarse, (side, side), mode="bilinear")
    fine = rng.normal((1, 3, side, side), rng.key(seed, "fine", 0))
    pixels: Images = (
        (128 + 50 * smooth + 10 * fine).clamp(0, 255).byte()[0].permute(1, 2, 0).numpy()
    )
    return pixels
