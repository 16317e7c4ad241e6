"""Draw the two pictures of README from a finished run of the default experiment.

`python tests/documented/pictures.py [PROJECT]` writes docs/pictures/*.png.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from pgpipe.config import load_yaml
from pgpipe.data.feeding.multires import read_labels, read_manifest, read_shards
from pgpipe.images import Images, grid
from pgpipe.plumbing.layout import HISTORY, PREVIEW_COLUMNS, PREVIEWS
from pgpipe.reporting.figures import growth, read_history

OUT = Path(__file__).parents[2] / "docs/pictures"
COLUMNS = 5  # images of a class on each side
TILE = 64  # pixels of an image in the picture
SIDE = 150  # pixels for the names of the rows
DPI = 100


def main() -> None:
    """Draw both pictures of the project named on the command line, or of the current one."""
    project = Path(*sys.argv[1:2])
    OUT.mkdir(exist_ok=True)
    real_and_generated(project).savefig(OUT / "real-and-generated.png")
    growing(project).savefig(OUT / "growth.png")
    for path in OUT.glob("*.png"):  # fewer bytes, and no time of writing
        Image.open(path).convert("RGB").save(path, optimize=True)


def real_and_generated(project: Path) -> Figure:
    """Draw a row per class: photographs on the left, generated images on the right."""
    final = load_yaml(project / "params.yaml")["growth"]["final"]
    multires = project / "data/multires"
    names = read_manifest(multires)["labels"]
    reals = of_each_class(np.concatenate(read_shards(multires / final)), read_labels(multires))
    samples = project / "samples"
    fakes = of_each_class(np.load(samples / "images.npy"), np.load(samples / "labels.npy"))
    size = reals.shape[1] * TILE // 32
    heads = [f"{COLUMNS} photographs of each class", f"{COLUMNS} generated of each class"]
    return table([grid(reals, COLUMNS, TILE), grid(fakes, COLUMNS, TILE)], names, heads, size)


def growing(project: Path) -> Figure:
    """Draw a row per phase: the same latents, from the smallest images to the largest."""
    final = project / "models" / load_yaml(project / "params.yaml")["growth"]["final"]
    history = read_history(final / HISTORY)
    ends = history.groupby("resolution", sort=False).kimg.last()
    rows = [f"{side}x{side}\nafter {kimg:,.0f} kimg" for side, kimg in ends.items()]
    picture = growth(final / PREVIEWS, history, PREVIEW_COLUMNS)
    every = picture.shape[1] // (TILE * PREVIEW_COLUMNS)
    picture = picture[::every, ::every]
    side = picture.shape[0] // len(rows)
    return table([picture], rows, [f"the same {PREVIEW_COLUMNS} latents in every row"], side)


def of_each_class(images: Images, labels: NDArray[np.int64]) -> Images:
    """Return the first images of every class, class after class."""
    chosen = [np.flatnonzero(labels == k)[:COLUMNS] for k in np.unique(labels)]
    found: Images = images[np.concatenate(chosen)]
    return found


def table(
    pictures: Sequence[Images], rows: Sequence[str], heads: Sequence[str], row: int
) -> Figure:
    """Draw pictures side by side, with a name for each row and a head above each picture."""
    top, gap = 34, 16
    height, width = pictures[0].shape[0], sum(p.shape[1] for p in pictures)
    whole = (SIDE + width + gap * len(pictures), top + height + gap)
    figure = Figure(figsize=(whole[0] / DPI, whole[1] / DPI), dpi=DPI, facecolor="white")
    left = SIDE
    for picture, head in zip(pictures, heads, strict=True):
        figure.figimage(picture, left, gap, origin="upper")
        figure.text(
            (left + picture.shape[1] / 2) / whole[0],
            1 - top / 2 / whole[1],
            head,
            ha="center",
            va="center",
            fontsize=13,
        )
        left += picture.shape[1] + gap
    for number, name in enumerate(rows):
        y = (gap + height - (number + 0.5) * row) / whole[1]
        figure.text((SIDE - 10) / whole[0], y, name, ha="right", va="center", fontsize=12)
    return figure


if __name__ == "__main__":
    main()
