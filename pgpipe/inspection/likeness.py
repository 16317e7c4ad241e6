"""Images that look alike, by a hash of 64 bits; found without comparing each with each.

The hash is that of low frequencies (Zauner 2010, "Implementation and benchmarking of perceptual
image hash functions", pHash): of the discrete cosine transform of a gray square, the 8x8 lowest
frequencies, each above their median or not. Recompression and another size change few bits.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pgpipe.images import Images

SIDE = 32  # pixels of the square that is transformed
LOWEST = 8  # frequencies of each axis
GRAY = np.array([0.299, 0.587, 0.114])  # ITU-R 601
FAINT = 1.0  # what is below it counts as 0: rounding pixels makes as much, also in even squares
NEAR = 4  # bits, at most, by which near-duplicates differ
# Two hashes that differ in at most 4 bits have at least 4 of 8 bytes in common; of any 4 bytes two
# are in the same one of three groups. So each such pair has two equal bytes within a group.
BYTE_PAIRS = [pair for group in ((0, 1, 2), (3, 4, 5), (6, 7)) for pair in combinations(group, 2)]
REACH = 1000  # hashes with the same two bytes, each is compared with at most so many after it
MOST_PAIRS = 1 << 20  # held before they are merged

Hashes = NDArray[np.uint64]  # [n]
Numbers = NDArray[np.int64]  # [n]


def hashes(squares: Images) -> Hashes:
    """Return the hashes of uint8 [n, S, S, 1 or 3], S a power of two from 8."""
    gray = squares @ GRAY if squares.shape[-1] == 3 else squares[..., 0].astype(np.float64)
    side = min(SIDE, gray.shape[1])
    boxes = gray.shape[1] // side
    gray = gray.reshape(len(gray), side, boxes, side, boxes).mean(axis=(2, 4))
    lowest = dctn(gray, axes=(1, 2), norm="ortho")[:, :LOWEST, :LOWEST].reshape(-1, LOWEST**2)
    lowest[abs(lowest) < FAINT] = 0
    bits = lowest > np.median(lowest[:, 1:], axis=1, keepdims=True)  # [:, 0] is the mean
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def near_pairs(known: Hashes) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs of different hashes at most NEAR bits apart; some come several times.

    Args:
        known: sorted, each once. In the worst case 7 * REACH comparisons are made for each.
    """
    parts = known.view(np.uint8).reshape(-1, 8).astype(np.uint16)
    for first, second in BYTE_PAIRS:
        key = (parts[:, first] << 8 | parts[:, second]).astype(np.uint16)
        order = np.argsort(key, kind="stable")
        for left, right in same_keys(key[order]):
            near = np.bitwise_count(known[order[left]] ^ known[order[right]]) <= NEAR
            yield order[left[near]], order[right[near]]


def same_keys(keys: NDArray[np.uint16]) -> Iterator[tuple[Numbers, Numbers]]:
    """All pairs of places with equal keys, of sorted ones, that are at most REACH apart."""
    left = np.arange(len(keys))
    for gap in range(1, REACH + 1):
        left = left[left + gap < len(keys)]
        left = left[keys[left] == keys[left + gap]]
        if not len(left):
            return
        yield left, left + gap


def is_whole(known: Hashes) -> bool:
    """Whether REACH leaves no pair out."""
    parts = known.view(np.uint8).reshape(-1, 8).astype(np.int64)
    keys = (parts[:, a] << 8 | parts[:, b] for a, b in BYTE_PAIRS)
    return all(np.bincount(key).max(initial=0) <= REACH + 1 for key in keys)


def alike(known: Hashes) -> tuple[Numbers, bool]:
    """A group for each hash, the same for those that chains of near-duplicates join.

    Returns:
        Their groups, and whether no pair was left out because too many hashes are alike.
    """
    distinct, number = np.unique(known, return_inverse=True)
    groups = np.arange(len(distinct))
    for pairs in gathered(near_pairs(distinct)):
        groups = merged(groups, pairs)
    return groups[number], is_whole(distinct)


def gathered(pairs: Iterator[tuple[Numbers, Numbers]]) -> Iterator[Numbers]:
    """The same pairs, many at once: [2, m]."""
    held, size = [], 0
    for pair in pairs:
        held.append(np.stack(pair))
        size += len(pair[0])
        if size > MOST_PAIRS:
            yield np.concatenate(held, axis=1)
            held, size = [], 0
    if held:
        yield np.concatenate(held, axis=1)


def merged(groups: Numbers, pairs: Numbers) -> Numbers:
    """The groups of hashes [n] after some more pairs of them [2, m] are in one."""
    ends = groups[pairs]
    edges = coo_array((np.ones(ends.shape[1], bool), (ends[0], ends[1])), 2 * groups.shape)
    found: Numbers = connected_components(edges, directed=False)[1][groups].astype(np.int64)
    return found
