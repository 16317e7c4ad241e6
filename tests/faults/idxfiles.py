"""MNIST's two files, and pairs of them that are broken, by name, with the end of their names."""

import gzip
import struct

PIXELS = bytes(n % 251 for n in range(20 * 28 * 28))


def header(axes: int, *shape: int) -> bytes:
    """Of an array of bytes."""
    return bytes([0, 0, 8, axes]) + struct.pack(f">{len(shape)}I", *shape)


IMAGES = header(3, 20, 28, 28) + PIXELS
LABELS = header(1, 20) + bytes(range(10)) * 2

BROKEN_IDX: dict[str, tuple[bytes, bytes, str]] = {
    "empty": (b"", b"", ""),
    "images for labels": (IMAGES, IMAGES, ""),
    "labels for images": (LABELS, LABELS, ""),
    "header alone": (IMAGES[:16], LABELS, ""),
    "half": (IMAGES[:9000], LABELS, ""),
    "a byte more": (IMAGES + b"x", LABELS, ""),
    "no digits": (header(3, 0, 28, 28), header(1, 0), ""),
    "27 pixels": (header(3, 20, 28, 27) + PIXELS[: 20 * 28 * 27], LABELS, ""),
    "floats": (bytes([0, 0, 13, 3]) + IMAGES[4:], LABELS, ""),
    "sizes beyond all": (IMAGES[:4] + b"\xff" * 12, LABELS, ""),
    "fewer labels": (IMAGES, header(1, 5) + bytes(5), ""),
    "label 10": (IMAGES, LABELS[:-1] + b"\x0a", ""),
    "gzip cut": (gzip.compress(IMAGES)[:-9], gzip.compress(LABELS), ".gz"),
    "gzip bomb": (gzip.compress(IMAGES + bytes(200 << 20)), gzip.compress(LABELS), ".gz"),
    "gzip of gzip": (gzip.compress(gzip.compress(IMAGES)), gzip.compress(LABELS), ".gz"),
}
