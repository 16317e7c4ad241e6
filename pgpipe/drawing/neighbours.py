"""A picture of images and their nearest training images, with the distances written below."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps

from pgpipe.drawing.films import as_rgb
from pgpipe.images import Images, Readable
from pgpipe.metrics.neighbours import Found, Near

SHOWN = 3  # neighbours in each space
TILE, CELL, LINE = 64, 78, 16  # pixels: of an image, of a column, of a line of text
GAP, MARGIN = 18, 6  # pixels between groups of columns; around all
INK, PAPER = (32, 32, 32), (255, 255, 255)


class Tile(NamedTuple):
    """An image with a line below it."""

    image: Images  # uint8 [R, R, C]
    text: str


def beside_neighbours(
    found: list[Found],
    images: Readable,
    names: Sequence[str],
    reals: Readable,
    real_names: Sequence[str],
    training: Readable,
    rows: int,
) -> Images:
    """Draw images beside their neighbours: uint8 [H, W, 3].

    The first half are those whose nearest training image stands out most, then come the first of
    the others, then as many reals as a third of both, again those that stand out most.

    Args:
        found: what was found in each space.
        images: generated, uint8 [N, R, R, C].
        names: of each of them.
        reals: that they were judged by.
        real_names: of each of these.
        training: images of any resolution.
        rows: of generated images, at most.
    """
    near = [one.generated for one in found]
    first = order(near, found)[: -(-rows // 2)]
    chosen = [*first, *(n for n in range(min(rows, len(names))) if n not in first)][:rows]
    drawn = [row(images, number, names[number], near, training) for number in chosen]
    near = [one.reals for one in found]
    chosen = order(near, found)[: -(-rows // 3)]
    drawn += [row(reals, number, real_names[number], near, training) for number in chosen]
    return picture(["generated", *(f"nearest by {one.name}" for one in found)], drawn)


def order(near: list[Near], found: list[Found]) -> list[int]:
    """Return images by their ratios in the space where they are most suspicious, least first."""
    ratios = [
        some.ratios / max(one.verdict.threshold, 1e-9)
        for some, one in zip(near, found, strict=True)
    ]
    return torch.stack(ratios).min(dim=0).values.argsort(stable=True).tolist()


def row(
    images: Readable, number: int, name: str, near: Sequence[Near], training: Readable
) -> list[list[Tile]]:
    """Return one of the images, and its nearest training images in each space."""
    (image,) = images[number : number + 1]
    beside = [neighbours(some.of(slice(number, number + 1)), training) for some in near]
    return [[Tile(image, name)], *beside]


def neighbours(near: Near, training: Readable) -> list[Tile]:
    """Return the nearest training images of one image, as they were compared."""
    tiles = []
    columns = (values[0, :SHOWN].tolist() for values in near)
    for distance, index, mirrored in zip(*columns, strict=True):
        (image,) = training[index : index + 1]
        way = " mirrored" if mirrored else ""
        tiles.append(Tile(image[:, ::-1] if mirrored else image, f"{distance:.3g}{way}"))
    return tiles


def picture(headings: Sequence[str], rows: Sequence[Sequence[Sequence[Tile]]]) -> Images:
    """Draw rows of groups below their headings: uint8 [H, W, 3]."""
    starts, x = [], 0
    for group in rows[0]:
        starts.append(x)
        x += len(group) * CELL + GAP
    page = Image.new("RGB", (x - GAP, LINE + len(rows) * (TILE + LINE)), PAPER)
    draw = ImageDraw.Draw(page)
    for start, text in zip(starts, headings, strict=True):
        draw.text((start, LINE // 2), text, INK, ImageFont.load_default(12), anchor="lm")
    for y, groups in zip(range(LINE, page.height, TILE + LINE), rows, strict=True):
        for start, group in zip(starts, groups, strict=True):
            for number, tile in enumerate(group):
                paste(page, tile, start + number * CELL, y)
    return np.asarray(ImageOps.expand(page, MARGIN, PAPER))


def paste(page: Image.Image, tile: Tile, x: int, y: int) -> None:
    """Put an image and its line at a place, enlarged by whole pixels or made smaller."""
    drawn = Image.fromarray(np.ascontiguousarray(as_rgb(tile.image)))
    if drawn.width > TILE:
        drawn = drawn.resize((TILE, TILE), Image.Resampling.BOX)
    else:
        side = drawn.width * (TILE // drawn.width)
        drawn = drawn.resize((side, side), Image.Resampling.NEAREST)
    page.paste(drawn, (x, y))
    font = ImageFont.load_default(10)
    ImageDraw.Draw(page).text((x, y + TILE + LINE // 2 - 1), tile.text, INK, font, anchor="lm")
