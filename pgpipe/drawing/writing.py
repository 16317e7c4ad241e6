"""Where drawn images go: a folder of PNGs, a zip of them, one picture of all, or an array."""

import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pgpipe.images import Images, grid, png, write_png
from pgpipe.plumbing.files import atomic, write_array, write_bytes

GRID_TILE = 64  # pixels of an image in a picture of all, at least
CAPTION = 28  # pixels
INK, PAPER = (32, 32, 32), (255, 255, 255)
EPOCH = (1980, 1, 1, 0, 0, 0)  # of members, so that the same images are the same bytes


def write(
    to: Path, seeds: Sequence[int], batches: Iterable[Images], as_grid: bool, as_array: bool
) -> Path:
    """Write the images of seeds, which come in batches; return what was written.

    Pictures are written as they come. A zip, an array or a picture of all takes its name when it is
    complete.
    """
    if as_grid or as_array:
        images = np.concatenate(list(batches))
        if as_array:
            write_array(to / "images.npy", images)
        if as_grid:
            columns = next(n for n in range(1, len(images) + 1) if n * n >= len(images))
            write_png(to / "grid.png", grid(images, columns, GRID_TILE))
        return to / "grid.png" if as_grid else to / "images.npy"
    if to.suffix.lower() == ".zip":
        with atomic(to) as file, zipfile.ZipFile(file, "w") as archive:
            each(seeds, batches, lambda name, data: archive.writestr(member(name), data))
    else:
        each(seeds, batches, lambda name, data: write_bytes(to / name, data))
    return to


def each(
    seeds: Sequence[int], batches: Iterable[Images], put: Callable[[str, bytes], None]
) -> None:
    """Put the PNG of each image under the name of its seed."""
    images = (image for batch in batches for image in batch)
    for seed, image in zip(seeds, images, strict=True):
        put(f"seed{seed:04d}.png", png(image))


def member(name: str) -> zipfile.ZipInfo:
    """Return the entry of a file that is already compressed."""
    return zipfile.ZipInfo(name, EPOCH)


def titled(picture: Images, caption: str) -> Images:
    """Return a picture, uint8 [H, W, 1 or 3], below a line of text: [H + 28, W, 3]."""
    below = Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)
    page = Image.new("RGB", (below.width, below.height + CAPTION), PAPER)
    font = ImageFont.load_default(CAPTION * 0.6)
    ImageDraw.Draw(page).text((8, CAPTION // 2), caption, INK, font, anchor="lm")
    page.paste(below, (0, CAPTION))
    return np.asarray(page)
