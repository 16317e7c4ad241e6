"""CRC-32C (Castagnoli) of many bytes at once, by numpy: a checksum is linear in its data.

The data are cut into equal lanes, whose checksums advance together, a byte of each at a step. Then
neighbours are joined: crc(ab) = shift(crc(a), length of b) xor crc(b), where shift is linear.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x82F63B78  # reflected
LANE_BYTES = 256
ALL_ONES = 0xFFFFFFFF

Words = NDArray[np.uint32]


def crc32c(data: bytes) -> int:
    """The checksum of RFC 3720: of b"123456789" it is 0xE3069283."""
    lanes = 1 << (len(data) // LANE_BYTES).bit_length() >> 1  # a power of two, or none
    width = len(data) // lanes if lanes else 0
    crc = joined(np.frombuffer(data, np.uint8, lanes * width).reshape(lanes, width))
    for byte in data[lanes * width :]:
        crc = crc >> 8 ^ int(byte_table()[(crc ^ byte) & 0xFF])
    return crc ^ ALL_ONES


def joined(lanes: NDArray[np.uint8]) -> int:
    """The checksum's state after the bytes [lanes, width] in order; lanes: 0, 1, 2, 4, ..."""
    if not len(lanes):
        return ALL_ONES
    state: Words = np.where(np.arange(len(lanes)) == 0, np.uint32(ALL_ONES), np.uint32(0))
    for column in lanes.T:
        state = step(state, column)
    width = lanes.shape[1]
    while len(state) > 1:
        left: Words = apply(shift(width), state[0::2])
        state = np.asarray(left ^ state[1::2], np.uint32)
        width *= 2
    return int(state[0])


def step(state: Words, data: NDArray[np.uint8]) -> Words:
    """Advance each lane's checksum by a byte."""
    advanced: Words = state >> 8 ^ byte_table()[(state ^ data) & 0xFF]
    return advanced


@cache
def byte_table() -> Words:
    """What each value of the lowest byte makes of a checksum in eight steps of a bit."""
    table: Words = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = table >> np.uint32(1) ^ np.where(table & 1, np.uint32(POLYNOMIAL), np.uint32(0))
    return table


@cache
def shift(length: int) -> Words:
    """Where each bit of a checksum goes when so many zero bytes follow: uint32 [32]."""
    if length == 1:
        return step(np.uint32(1) << np.arange(32, dtype=np.uint32), np.zeros(32, np.uint8))
    half = shift(length // 2)
    whole = apply(half, half)
    return apply(shift(1), whole) if length % 2 else whole


def apply(operator: Words, words: Words) -> Words:
    """The xor of where each set bit of a word goes."""
    out = np.zeros_like(words)
    for bit, goes in enumerate(operator):
        out ^= (words >> bit & 1) * goes
    return out
