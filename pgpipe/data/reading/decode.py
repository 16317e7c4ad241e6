"""One image file, from wherever a user has it, to uint8 pixels; anything doubtful is rejected.

JPEG, PNG and WebP only: each further format is a further parser before hostile bytes, and more
ways to mean something else than a still picture.
"""

import io
import warnings
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pgpipe.data.reading.profiles import to_srgb
from pgpipe.images import Images

Channels = Literal[1, 3]

FORMATS = ("JPEG", "PNG", "WEBP")
OTHERS = {b"II*\0": "TIFF", b"MM\0*": "TIFF", b"GIF8": "GIF", b"BM": "BMP", b"8BPS": "PSD"}
BRANDS = {"heic": "HEIC", "heix": "HEIC", "mif1": "HEIC", "avif": "AVIF"}
MAX_PIXELS = 1 << 26  # 8192 x 8192: up to 1.1 GB while decoding; below Pillow's own limits
STRIP_PIXELS = 1 << 20  # that are converted at once
MAX_SCANNED = MAX_PIXELS << 6  # pixels times scans of a progressive JPEG; cameras write ten scans
JPEG = b"\xff\xd8"  # starts one, and Pillow's MPO: one with others behind it
SCAN = b"\xff\xda"  # starts one; compressed data have no such bytes
MAX_REASON = 120  # characters
WHITE = "#ffffff"


class Rejected(Exception):  # noqa: N818 - a verdict on one file, which callers count
    """A file that gives no image; `reason` is one short line, the same on every run."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name}: {reason}")


def decode(
    data: bytes, name: str, channels: Channels, background: str = WHITE, profiles: bool = True
) -> Images:
    """Decode the bytes of an image file to uint8 [H, W, channels].

    The first frame of an animation; turned as its EXIF orientation says; 16 bits scaled to 8; as
    sRGB where the file has an ICC profile, unless `profiles` are ignored; transparency over
    `background`, "#rrggbb". RGB becomes gray by ITU-R 601, gray becomes RGB by repetition.

    Raises:
        Rejected: another format, too many pixels, truncated or corrupt data, a colour profile that
            is unreadable or of another kind than the pixels; `name` is in it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's doubts about metadata
            return converted(load(data), channels, background, profiles)
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise Rejected(name, f"not a JPEG, PNG or WebP image{other_format(data)}") from None
    except Image.DecompressionBombError:
        raise Rejected(name, f"more than {MAX_PIXELS} pixels") from None
    except Exception as error:  # hostile bytes make decoders raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Rejected(name, f"corrupt: {reason}"[:MAX_REASON]) from error


def converted(picture: Image.Image, channels: Channels, background: str, profiles: bool) -> Images:
    """The pixels of a picture of any mode, some rows at a time: modes between take memory."""
    width, height = picture.size
    pixels = np.empty((height, width, channels), np.uint8)
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(top + rows, height)))
        rgb = to_rgb(strip, background, profiles)
        pixels[top : top + rows] = np.asarray(rgb if channels == 3 else rgb.convert("L")).reshape(
            -1, width, channels
        )
    return pixels


def other_format(data: bytes) -> str:
    """What an image file is instead, as far as its first bytes tell."""
    starts = (", but " + kind for start, kind in OTHERS.items() if data.startswith(start))
    brand = data[8:12].decode("ascii", "replace")
    boxed = f", but {BRANDS[brand]}" if data[4:8] == b"ftyp" and brand in BRANDS else ""
    return next(starts, boxed)


def to_channels(image: Images, channels: Channels) -> Images:
    """uint8 [H, W, 1 or 3] to [H, W, channels], as `decode` does it."""
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).convert("L"))[..., None]


def pixels_of(data: bytes) -> int:
    """As the header of an image file announces them; 0 where it has none."""
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception:  # the reason is told where it is decoded
        return 0
    return picture.width * picture.height


def load(data: bytes) -> Image.Image:
    """All pixels of an image file, upright."""
    picture = identify(data)
    if picture.format == "PNG":
        picture.verify()  # checksums, which loading skips; the object is spent then
        picture = identify(data)
    picture.load()
    ImageOps.exif_transpose(picture, in_place=True)
    return picture


def identify(data: bytes) -> Image.Image:
    """The header of an image file, refused where it announces too many pixels or passes."""
    picture = Image.open(io.BytesIO(data), formats=FORMATS)
    pixels = picture.width * picture.height
    if pixels > MAX_PIXELS:
        raise Image.DecompressionBombError
    if (
        data.startswith(JPEG) and pixels * data.count(SCAN) > MAX_SCANNED
    ):  # whatever Pillow calls it
        raise ValueError("too many scans, as bombs have")
    return picture


def to_rgb(picture: Image.Image, background: str = WHITE, profiles: bool = True) -> Image.Image:
    """Any mode that the formats above have, as opaque 8-bit RGB."""
    info = picture.info
    if picture.mode.startswith("I"):
        picture = to_8_bits(picture)
    transparent = picture.has_transparency_data
    alpha = picture.convert("RGBA").getchannel("A") if transparent else None
    if profiles and "icc_profile" in info:
        picture = to_srgb(opaque(picture), info["icc_profile"])
    picture = picture if picture.mode == "RGB" else picture.convert("RGB")
    return picture if alpha is None else over(background, picture, alpha)


def opaque(picture: Image.Image) -> Image.Image:
    """Without alpha and palette: gray ("L"), CMYK or RGB, whichever it is of."""
    mode = "L" if picture.mode in ("1", "L", "LA") else picture.mode
    return picture.convert(mode if mode in ("L", "CMYK") else "RGB")


def over(background: str, picture: Image.Image, alpha: Image.Image) -> Image.Image:
    """RGB laid over a colour, "#rrggbb", as the alpha says."""
    layer = picture.copy()
    layer.putalpha(alpha)
    ground = Image.new("RGBA", layer.size, background)
    return Image.alpha_composite(ground, layer).convert("RGB")


def to_8_bits(picture: Image.Image) -> Image.Image:
    """Gray of 16 bits ("I;16" of either byte order, "I") to 8: value / 257, rounded.

    Pillow's own conversion clips at 255 instead.
    """
    values = np.asarray(picture).astype(np.int32).clip(0, 65535)
    gray = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if "transparency" in picture.info:
        opaque = values != picture.info["transparency"]
        gray.putalpha(Image.fromarray((opaque * 255).astype(np.uint8)))
    return gray
