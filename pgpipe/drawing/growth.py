"""The growth as a film: the fixed latents of all previews, with what they were drawn at."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pgpipe.errors import UsageError
from pgpipe.images import Images
from pgpipe.plumbing import sealed
from pgpipe.plumbing.layout import HISTORY, PREVIEW_COLUMNS, PREVIEWS

TILE = 128  # pixels of an image in the film, at most
CAPTION = 28  # pixels
INK, PAPER = (32, 32, 32), (255, 255, 255)


def frames(model: Path, rows: int, most: int) -> Iterator[Images]:
    """Yield a picture per preview of a phase's model, and of the phases that led to it.

    Args:
        model: folder of the phase.
        rows: of fixed latents, eight in a row.
        most: pictures; of more previews, evenly chosen ones.

    Raises:
        UsageError: it is no such folder, or has no previews.
    """
    if not (model / HISTORY).is_file():
        raise UsageError(f"{model}: no folder of a trained phase: it has no {HISTORY}")
    places = sealed.read_rows(model / HISTORY)
    files = previews(model, [row["phase"] for row in places])
    if not files:
        raise UsageError(f"{model}: has no previews of a training")
    last = Image.open(io.BytesIO(sealed.content(files[-1])), formats=["PNG"])
    tile = min(TILE, last.width // PREVIEW_COLUMNS)
    chosen = np.unique(np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int))
    for n in chosen:
        picture = Image.open(io.BytesIO(sealed.content(files[n])), formats=["PNG"])
        row = places[n]
        caption = (
            f"{row['resolution']} x {row['resolution']}   {float(row['kimg']):.1f} kimg   "
            f"{state(float(row['fade']))}"
        )
        yield captioned(picture.convert("RGB"), rows, tile, caption)


def previews(model: Path, phases: list[str]) -> list[Path]:
    """Return the preview of each row of the history, which both go on in order."""
    found: list[Path] = []
    for phase in dict.fromkeys(phases):
        drawn = sealed.files(model / PREVIEWS, f"{phase}-*.png")
        found += drawn[: phases.count(phase)]
    return found if len(found) == len(phases) else []


def state(fade: float) -> str:
    """Return in which part of its phase a preview was drawn."""
    return "stable" if fade >= 1 else f"fading in {fade:.0%}"


def captioned(picture: Image.Image, rows: int, tile: int, caption: str) -> Images:
    """Return the first rows of a preview below its caption, uint8 [H, W, 3]."""
    side = picture.width // PREVIEW_COLUMNS
    shown = min(rows, picture.height // side)
    picture = picture.crop((0, 0, picture.width, shown * side))
    way = Image.Resampling.BOX if side > tile else Image.Resampling.NEAREST
    picture = picture.resize((PREVIEW_COLUMNS * tile, shown * tile), way)
    page = Image.new("RGB", (picture.width, picture.height + CAPTION), PAPER)
    font = ImageFont.load_default(CAPTION * 0.6)
    ImageDraw.Draw(page).text((8, CAPTION // 2), caption, INK, font, anchor="lm")
    page.paste(picture, (0, CAPTION))
    return np.asarray(page)
