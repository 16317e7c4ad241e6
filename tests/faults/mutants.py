"""Image files with something wrong in them: a seed makes the same ones each time."""

import faulthandler
import io
import random
import struct
import time
import zlib
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from iccprofiles import DISPLAY_P3, cmyk_profile, gray_profile, rgb_profile
from PIL import Image

from pgpipe.data.reading.decode import Rejected, decode

PATIENCE_S = 120  # for a thousand mutants, before it counts as hanging

KINDS: list[tuple[str, str, dict[str, Any]]] = [
    ("JPEG", "RGB", {}),
    ("JPEG", "RGB", {"progressive": True, "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}),
    ("JPEG", "L", {"optimize": True}),
    ("JPEG", "CMYK", {"restart_marker_blocks": 1}),
    ("PNG", "RGB", {}),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "I;16", {}),
    ("PNG", "RGBA", {"compress_level": 0}),
    ("PNG", "1", {}),
    ("WEBP", "RGB", {"quality": 50}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("WEBP", "RGB", {"save_all": True, "duration": 9}),
    ("WEBP", "RGB", {"icc_profile": rgb_profile(DISPLAY_P3)}),
    ("JPEG", "CMYK", {"icc_profile": cmyk_profile({(0, 0, 0, 0): 100, (1, 0, 0, 0): 50})}),
    ("JPEG", "L", {"icc_profile": gray_profile(1.8)}),
]


def base(kind: str, mode: str, options: dict[str, Any]) -> bytes:
    """A sound file of 24 x 17 pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (17, 24, 3), dtype=np.uint8)
    noise[:, :12] = 200
    picture = Image.fromarray(noise).convert("L" if mode == "I;16" else mode)
    picture = picture.convert("I").convert("I;16") if mode == "I;16" else picture
    more = {"append_images": [picture.rotate(180)]} if options.get("save_all") else {}
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options, **more)
    return buffer.getvalue()


BASES = [base(*kind) for kind in KINDS]


def mutant(draw: random.Random) -> bytes:
    """One of the sound files, changed by one to three of the mutations."""
    data = bytearray(draw.choice(BASES))
    for _ in range(draw.randint(1, 3)):
        if data:
            data = draw.choice(MUTATIONS)(data, draw)
    return bytes(data)


def flip(data: bytearray, draw: random.Random) -> bytearray:
    """Some bytes."""
    for _ in range(draw.randint(1, 8)):
        data[draw.randrange(len(data))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])
    return data


def cut(data: bytearray, draw: random.Random) -> bytearray:
    """The end, or a part."""
    start = draw.randrange(len(data))
    del data[start : draw.choice([len(data), start + draw.randint(1, 40)])]
    return data


def repeat(data: bytearray, draw: random.Random) -> bytearray:
    """A part, up to a thousand times."""
    start = draw.randrange(len(data) + 1)
    part = data[start : start + draw.randint(1, 60)]
    return data[:start] + part * draw.choice([2, 10, 1000]) + data[start:]


def splice(data: bytearray, draw: random.Random) -> bytearray:
    """The start of one file, the end of another."""
    other = draw.choice(BASES)
    return data[: draw.randrange(len(data) + 1)] + other[draw.randrange(len(other)) :]


def number(data: bytearray, draw: random.Random) -> bytearray:
    """A number of two or four bytes, of either order, such as a size or a length."""
    form = draw.choice(["<H", ">H", "<I", ">I"])
    limit = 1 << 8 * struct.calcsize(form)
    value = draw.choice([0, 1, limit - 1, limit // 2, 8192, 8193, draw.randrange(limit)])
    if len(data) > 8:
        struct.pack_into(form, data, draw.randrange(min(len(data), 64) - 4), value % limit)
    return data


def chunk(data: bytearray, draw: random.Random) -> bytearray:
    """A chunk of a PNG with a checksum that fits, so that what is in it is believed."""
    starts = [at for at in range(8, len(data) - 12) if data[at + 4 : at + 8] in CHUNKS]
    if starts:
        at = draw.choice(starts)
        length = min(int.from_bytes(data[at : at + 4], "big"), len(data) - at - 12)
        for _ in range(draw.randint(1, 3)):
            data[at + 8 + draw.randrange(max(1, length))] = draw.choice([0, 1, 16, 0x20, 0xFF])
        checksum = zlib.crc32(data[at + 4 : at + 8 + length])
        struct.pack_into(">I", data, at + 8 + length, checksum)
    return data


CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"iCCP", b"zTXt", b"eXIf")
MUTATIONS = (flip, cut, repeat, splice, number, chunk)


class Verdicts(NamedTuple):
    """What became of mutants."""

    answers: int
    reasons: Counter[str]  # of the rejected
    slowest: float  # seconds of the processor
    unsound: list[str]  # what neither is an image nor a short reason


def judge(count: int, seed: int) -> Verdicts:
    """Decode so many mutants; a hang ends the process with a traceback."""
    draw, verdicts = random.Random(seed), Verdicts(0, Counter(), 0.0, [])
    for number_ in range(count):
        if number_ % 1000 == 0:
            faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
        data, start = mutant(draw), time.process_time()
        try:
            image = decode(data, "x", 3 if number_ % 2 else 1)
            sound = image.ndim == 3 and image.dtype == np.uint8 and image.size > 0
            verdicts = verdicts._replace(answers=verdicts.answers + 1)
        except Rejected as rejection:
            verdicts.reasons[rejection.reason.partition(":")[0]] += 1
            sound = rejection.reason.isprintable() and len(rejection.reason) <= 120
        verdicts = verdicts._replace(slowest=max(verdicts.slowest, time.process_time() - start))
        if not sound:
            verdicts.unsound.append(data.hex())
    faulthandler.cancel_dump_traceback_later()
    return verdicts
