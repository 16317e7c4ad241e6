"""How an image is stored, from its header alone."""

import io
import warnings
from typing import NamedTuple

from PIL import ExifTags, Image

from pgpipe.data.reading.decode import FORMATS
from pgpipe.images import Images

MODES = {
    "1": "black and white",
    "L": "gray",
    "LA": "gray with alpha",
    "I": "gray, 16 bits",
    "I;16": "gray, 16 bits",
    "I;16B": "gray, 16 bits",
    "P": "palette",
}  # others are named as Pillow does: RGB, RGBA, CMYK
PNG_DEPTH = 24  # the byte of a PNG that states the bits of a channel
TURNED = (5, 6, 7, 8)  # orientations of EXIF that exchange width and height


class Kind(NamedTuple):
    """What images have in common with many others."""

    format: str
    mode: str
    marks: tuple[str, ...]  # what else there is to know


class Header(NamedTuple):
    """The kind and the size in pixels, as the image is seen."""

    kind: Kind
    width: int
    height: int


def header(image: bytes | Images) -> Header:
    """Return the header of a file that can be decoded, or of pixels [H, W, 1 or 3]."""
    if not isinstance(image, bytes):
        height, width, channels = image.shape
        return Header(Kind("pixels", "RGB" if channels == 3 else "gray", ()), width, height)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's doubts about metadata
        picture = Image.open(io.BytesIO(image), formats=FORMATS)
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    width, height = picture.size if orientation not in TURNED else picture.size[::-1]
    marks = {
        "ICC profile": "icc_profile" in picture.info,
        "turned by EXIF": orientation in range(2, 9),
        "animated": getattr(picture, "is_animated", False),
        "transparent colour": "transparency" in picture.info,
    }
    found = tuple(mark for mark, is_there in marks.items() if is_there)
    return Header(Kind(str(picture.format), mode_of(picture, image), found), width, height)


def mode_of(picture: Image.Image, data: bytes) -> str:
    """The mode in words; Pillow reads RGB of 16 bits as of 8."""
    deep = picture.format == "PNG" and data[PNG_DEPTH] == 16 and picture.mode in ("RGB", "RGBA")
    return f"{picture.mode}, 16 bits" if deep else MODES.get(picture.mode, picture.mode)
