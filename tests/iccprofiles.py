"""ICC profiles (ICC.1:2001-04) made byte by byte, and what they mean by the formulas."""

import struct
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

D65 = np.array([0.95047, 1.0, 1.08883])
D50 = np.array([0.9642, 1.0, 0.8249])  # the profile connection space's white
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
SRGB = [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)]  # x, y of red, green, blue
DISPLAY_P3 = [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)]
GAMMA = 2.2


def to_xyz(primaries: list[tuple[float, float]]) -> Floats:
    """Linear RGB of white D65 -> XYZ of white D50, adapted by Bradford's matrix."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    matrix = columns * np.linalg.solve(columns, D65)
    cones = (BRADFORD @ D50) / (BRADFORD @ D65)
    adapted: Floats = np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD @ matrix
    return adapted


def srgb_encoded(linear: Floats) -> Floats:
    """IEC 61966-2-1: 0..1 -> 0..255."""
    linear = linear.clip(0, 1)
    low, high = 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    encoded: Floats = 255 * np.where(linear <= 0.0031308, low, high)
    return encoded


def in_srgb(pixels: NDArray[np.uint8], primaries: list[tuple[float, float]]) -> Floats:
    """uint8 [..., 3] of some primaries and GAMMA -> sRGB, by matrices."""
    linear = (pixels / 255) ** GAMMA
    return srgb_encoded(linear @ (np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)).T)


def fixed(*values: float) -> bytes:
    """As s15Fixed16Number."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def curve(gamma: float) -> bytes:
    """A curveType of one exponent."""
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile of version 2.4 with these tags beside those that all have."""
    text = b"text" + bytes(4) + b"none\0" + bytes(3)
    named = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    white = b"XYZ " + bytes(4) + fixed(*D50)
    tags = {b"desc": named + bytes(-len(named) % 4), b"cprt": text, b"wtpt": white, **tags}
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    header = struct.pack(">I4xI4s4s4s12x4s", 0, 0x02400000, kind, space, connection, b"acsp")
    header = (header + bytes(28) + fixed(*D50)).ljust(128, b"\0")
    whole = header + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def rgb_profile(primaries: list[tuple[float, float]]) -> bytes:
    """Three primaries and an exponent, as displays have it."""
    columns = to_xyz(primaries).T
    tags = {}
    for name, column in zip((b"r", b"g", b"b"), columns, strict=True):
        tags[name + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*column)
        tags[name + b"TRC"] = curve(GAMMA)
    return profile(b"mntr", b"RGB ", b"XYZ ", tags)


def gray_profile(gamma: float) -> bytes:
    """Gray of an exponent."""
    return profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve(gamma)})


def cmyk_profile(lightness: dict[tuple[int, ...], int]) -> bytes:
    """Neutral inks: L of 0..100 for the corners C, M, Y, K that are named, 0 for others (lut8)."""
    ramp = bytes(range(256))
    cube = b"".join(
        bytes([round(lightness.get(corner, 0) * 2.55), 128, 128])
        for corner in product((0, 1), repeat=4)
    )
    unit = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + 4 * ramp + cube + 3 * ramp
    return profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut + bytes(-len(lut) % 4)})
