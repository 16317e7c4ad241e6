"""Broken and hostile zips, by name, with the exit code that `download` or `prepare` ends in."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from typing import Any

from PIL import Image

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"

Zip = Callable[[], bytes]


def png(side: int = 8, level: int = 77) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (level, 0, 200)).save(buffer, "PNG")
    return buffer.getvalue()


def packed(
    *names: str | zipfile.ZipInfo, data: bytes = b"", method: int = zipfile.ZIP_STORED
) -> bytes:
    """A zip of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in names:
            archive.writestr(name, data or png())
    return buffer.getvalue()


def member(name: str, mode: int) -> zipfile.ZipInfo:
    """A member of a kind."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def patched(data: bytes, signature: bytes, offset: int, form: str, value: Any) -> bytes:
    """One field changed, of the first header with this signature."""
    changed = bytearray(data)
    struct.pack_into(form, changed, data.index(signature) + offset, value)
    return bytes(changed)


def both(data: bytes, local: int, central: int, form: str, value: int) -> bytes:
    """One field changed in both headers of the first member."""
    return patched(patched(data, LOCAL, local, form, value), CENTRAL, central, form, value)


def renamed(name: bytes) -> bytes:
    """A member of a name that the writer would not write."""
    return packed("x" * len(name)).replace(b"x" * len(name), name)


def overlapping(count: int) -> bytes:
    """Many members that are the same bytes."""
    data = packed("a.png", data=bytes(range(256)) * 400)
    start, end = data.index(CENTRAL), data.index(END)
    entry = data[start:end]
    entries = b"".join(entry.replace(b"a.png", b"%05d" % n) for n in range(count))
    tail = struct.pack("<4s4H2LH", END, 0, 0, count, count, len(entries), start, 0)
    return data[:start] + entries + tail


GOOD = packed("a.png", "b/c.png")
DEFLATED = packed("a.png", "b/c.png", method=zipfile.ZIP_DEFLATED)
BOMB = packed("a.png", data=bytes(64 << 20), method=zipfile.ZIP_DEFLATED)

BROKEN: dict[str, tuple[Zip, int]] = {
    "empty": (lambda: b"", 3),
    "text": (lambda: b"not a zip", 3),
    "zeros": (lambda: bytes(1 << 16), 3),
    "local magic alone": (lambda: LOCAL, 3),
    "end alone": (lambda: END + bytes(18), 2),
    "end cut short": (lambda: END + bytes(9), 3),
    "half": (lambda: GOOD[: len(GOOD) // 2], 3),
    "a byte short": (lambda: GOOD[:-1], 3),
    "no first byte": (lambda: GOOD[1:], 3),
    "no central directory": (lambda: GOOD[: GOOD.index(CENTRAL)] + GOOD[GOOD.index(END) :], 3),
    "no local headers": (lambda: GOOD[GOOD.index(CENTRAL) :], 3),
    "wrong checksum": (lambda: patched(GOOD, CENTRAL, 16, "<L", 1), 3),
    "wrong content": (lambda: GOOD.replace(b"IDAT", b"IDAX", 1), 3),
    "deflate stream broken": (lambda: patched(DEFLATED, LOCAL, 40, "<L", 0xFFFFFFFF), 3),
    "encrypted": (lambda: both(GOOD, 6, 8, "<H", 1), 3),
    "patched data": (lambda: both(GOOD, 6, 8, "<H", 0x20), 3),
    "strong encryption": (lambda: both(GOOD, 6, 8, "<H", 0x41), 3),
    "bzip2": (lambda: packed("a.png", method=zipfile.ZIP_BZIP2), 3),
    "lzma": (lambda: packed("a.png", method=zipfile.ZIP_LZMA), 3),
    "method 99": (lambda: both(GOOD, 8, 10, "<H", 99), 3),
    "stored said deflated": (lambda: both(GOOD, 8, 10, "<H", 8), 3),
    "deflated said stored": (lambda: both(DEFLATED, 8, 10, "<H", 0), 3),
    "bomb": (lambda: BOMB, 3),
    "bomb of a small size": (lambda: both(BOMB, 22, 24, "<L", 100), 3),
    "bomb of a large packed size": (lambda: both(BOMB, 18, 20, "<L", 64 << 20), 3),
    "overlapping members": (lambda: overlapping(20_000), 3),
    "size beyond all": (lambda: both(GOOD, 22, 24, "<L", 0xFFFFFFFE), 3),
    "size too small": (lambda: both(GOOD, 22, 24, "<L", 10), 3),
    "size of zero": (lambda: both(GOOD, 22, 24, "<L", 0), 3),
    "packed size too large": (lambda: both(GOOD, 18, 20, "<L", 60_000), 3),
    "header elsewhere": (lambda: patched(GOOD, CENTRAL, 42, "<L", 7), 3),
    "header beyond the end": (lambda: patched(GOOD, CENTRAL, 42, "<L", 0x7FFFFFFF), 3),
    "other local name": (lambda: GOOD.replace(b"a.png", b"z.png", 1), 3),
    "name too long in its header": (lambda: patched(GOOD, CENTRAL, 28, "<H", 60_000), 3),
    "extra too long in its header": (lambda: patched(GOOD, CENTRAL, 30, "<H", 60_000), 3),
    "needs version 99": (lambda: patched(GOOD, CENTRAL, 6, "<H", 990), 3),
    "month 15": (lambda: patched(GOOD, CENTRAL, 14, "<H", 0xFFFF), 0),
    "count too large": (lambda: patched(GOOD, END, 10, "<H", 60_000), 0),
    "directory too large": (lambda: patched(GOOD, END, 12, "<L", 0x7FFFFFFF), 3),
    "directory elsewhere": (lambda: patched(GOOD, END, 16, "<L", 0x7FFFFFFF), 3),
    "comment cut short": (lambda: patched(GOOD, END, 20, "<H", 500), 0),
    "several disks": (lambda: patched(GOOD, END, 4, "<H", 9), 0),
    "zip64 mark without a record": (lambda: patched(GOOD, END, 16, "<L", 0xFFFFFFFF), 3),
    "text before": (lambda: b"#!/bin/sh\n" * 99 + GOOD, 0),
    "text after": (lambda: GOOD + b"x" * 99, 0),
    "two in one": (lambda: GOOD + DEFLATED, 0),
    "zip in a zip": (lambda: packed("a.zip", data=GOOD), 2),
    "steps up": (lambda: packed("../../up.png", "b.png"), 0),
    "from the root": (lambda: packed("/tmp/root.png", "b.png"), 0),  # noqa: S108
    "from a drive": (lambda: packed("C:\\drive.png", "..\\b.png"), 0),
    "line break in a name": (lambda: packed("a\nb.png", data=b"x"), 2),
    "terminal's words in a name": (lambda: packed("\x1b[2J.png", data=b"x"), 2),
    "zero in a name": (lambda: renamed(b"a\0b.png"), 0),
    "name not of its code": (lambda: both(renamed(b"\xff\xfe.png"), 6, 8, "<H", 0x800), 3),
    "name of 60,000 letters": (lambda: packed("n" * 60_000 + ".png"), 0),
    "no name": (lambda: patched(packed("a"), CENTRAL, 28, "<H", 0), 3),
    "name twice": (lambda: packed("a.png", "b.png").replace(b"b.png", b"a.png"), 0),
    "link out": (lambda: packed(member("a.png", stat.S_IFLNK | 0o777), data=b"/etc/passwd"), 2),
    "device": (lambda: packed(member("a.png", stat.S_IFCHR | 0o666)), 2),
    "pipe": (lambda: packed(member("a.png", stat.S_IFIFO | 0o666)), 2),
    "folders alone": (lambda: packed("a/", "b/"), 2),
    "hidden alone": (lambda: packed(".a.png", "__MACOSX/b.png"), 2),
    "no image": (lambda: packed("a.txt", data=b"text"), 2),
    "empty images": (lambda: packed("a.png", data=b"\0"), 2),
    "an image and a text": (lambda: packed("a.png", member("b.txt", stat.S_IFREG)), 0),
    "setuid": (lambda: packed(member("a.png", stat.S_IFREG | 0o4777)), 0),
    "tar": (lambda: b"a.png" + bytes(252) + b"ustar\x0000" + bytes(700), 3),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(60), 3),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + bytes(60), 3),
    "rar": (lambda: b"Rar!\x1a\x07\x00" + bytes(60), 3),
}
