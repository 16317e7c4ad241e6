"""Perceptual hashes by another formula, and near-duplicates by comparing each with each."""

import io
import math
from itertools import pairwise

import numpy as np
import pytest
from imagesets import smooth, windows
from numpy.typing import NDArray
from PIL import Image

from pgpipe.images import Images
from pgpipe.inspection import likeness
from pgpipe.inspection.likeness import BYTE_PAIRS, NEAR, alike, hashes, near_pairs

Hashes = NDArray[np.uint64]


def literal_hash(square: Images) -> int:
    """pHash of one RGB image [64, 64, 3], sum by sum."""
    gray = np.asarray(square, float) @ [0.299, 0.587, 0.114]
    small = gray.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    wave = [[math.cos(math.pi * (2 * x + 1) * f / 64) for x in range(32)] for f in range(8)]
    scale = [math.sqrt((1 if f == 0 else 2) / 32) for f in range(8)]
    table = [
        scale[u] * scale[v] * float(np.outer(wave[u], wave[v]).ravel() @ small.ravel())
        for u in range(8)
        for v in range(8)
    ]
    table = [value if abs(value) >= 1 else 0.0 for value in table]
    median = sorted(table[1:])[31]
    return sum((value > median) << n for n, value in enumerate(table))


def in_order(known: Hashes) -> list[int]:
    """Hashes as numbers whose bit 8 u + v is that of the frequencies u and v."""
    bits = np.unpackbits(known.view(np.uint8).reshape(-1, 8), axis=1)
    return [sum(int(bit) << n for n, bit in enumerate(row)) for row in bits]


def test_hash_is_that_of_the_formula() -> None:
    images = np.concatenate([windows(20, 64, 0), smooth(20, 64, 1)])
    assert in_order(hashes(images)) == [literal_hash(image) for image in images]


def distance(one: np.uint64, other: np.uint64) -> int:
    return (int(one) ^ int(other)).bit_count()


def test_recompressed_and_resized_images_are_near_and_others_are_not() -> None:
    images = smooth(60, 128, 0)
    for image, known in zip(images, hashes(shrunk(images)), strict=True):
        picture = Image.fromarray(image)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=60)
        for other in (Image.open(buffer, formats=["JPEG"]), picture.resize((97, 97))):
            (changed,) = hashes(np.asarray(other.convert("RGB").resize((64, 64)))[None])
            assert distance(known, changed) <= NEAR
    apart = [distance(a, b) for a, b in pairwise(hashes(shrunk(images)))]
    assert min(apart) > NEAR


def shrunk(images: Images) -> Images:
    means = images.reshape(len(images), 64, 2, 64, 2, 3).mean(axis=(2, 4))
    rounded: Images = np.rint(means).astype(np.uint8)
    return rounded


@pytest.mark.parametrize("side", [8, 16, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_even_images_are_alike_whatever_their_level_and_noise(side: int, channels: int) -> None:
    levels = np.array([1, 100, 254], np.uint8).reshape(3, 1, 1, 1)
    even = np.broadcast_to(levels, (3, side, side, channels))
    noisy = even + np.random.default_rng(0).integers(0, 2, even.shape, dtype=np.uint8)
    assert len(np.unique(hashes(even))) == 1
    if side == 64:
        assert len(np.unique(hashes(np.concatenate([even, noisy])))) == 1


def crowd(count: int, seed: int) -> Hashes:
    """Distinct hashes in clusters: each differs in some bits from one of few."""
    draw = np.random.default_rng(seed)
    found = draw.integers(0, 1 << 63, 20, dtype=np.uint64)[draw.integers(0, 20, count)]
    for _ in range(6):
        bit = np.uint64(1) << draw.integers(0, 64, count, dtype=np.uint64)
        found ^= np.where(draw.random(count) < 0.7, bit, np.uint64(0))
    return np.unique(found)


def each_with_each(known: Hashes) -> set[tuple[int, int]]:
    return {
        (i, j)
        for i in range(len(known))
        for j in range(i + 1, len(known))
        if distance(known[i], known[j]) <= NEAR
    }


@pytest.mark.parametrize("seed", range(3))
def test_near_pairs_are_those_of_comparing_each_with_each(seed: int) -> None:
    known = crowd(600, seed)
    found = {
        (min(a, b), max(a, b))
        for left, right in near_pairs(known)
        for a, b in zip(left.tolist(), right.tolist(), strict=True)
    }
    expected = each_with_each(known)
    assert found == expected
    assert len(expected) > 300


def test_any_four_equal_bytes_have_two_in_one_group() -> None:
    """What makes looking at seven pairs of bytes enough."""
    for chosen in range(256):
        equal = [n for n in range(8) if chosen >> n & 1]
        if len(equal) >= 8 - NEAR:
            assert any(a in equal and b in equal for a, b in BYTE_PAIRS)


@pytest.mark.parametrize("most", [1, 1 << 20])
def test_groups_are_chains_of_near_pairs(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(likeness, "MOST_PAIRS", most)
    known = crowd(300, 7)
    shuffled = np.random.default_rng(0).permutation(np.concatenate([known, known[:50]]))
    groups, complete = alike(shuffled)
    assert complete
    leader = list(range(len(shuffled)))
    for i, j in each_with_each(shuffled):
        old, new = leader[j], leader[i]
        leader = [new if one == old else one for one in leader]
    pairs = zip(groups.tolist(), leader, strict=True)
    assert len(set(pairs)) == len(set(leader)) == len(set(groups.tolist())) < len(known)


def test_work_is_bounded_and_what_is_left_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "REACH", 10)
    low = np.arange(200, dtype=np.uint64)  # equal but for one byte
    compared = sum(1 for _ in near_pairs(low))
    assert compared <= 10 * len(BYTE_PAIRS)
    assert not alike(low)[1]
    assert alike(low[:11])[1]


@pytest.mark.parametrize("count", [0, 1])
def test_few_images_are_like_no_other(count: int) -> None:
    groups, complete = alike(np.zeros(count, np.uint64))
    assert groups.tolist() == [0] * count
    assert complete
