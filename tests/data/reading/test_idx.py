"""MNIST's file format: what is read is what was written; anything else is refused."""

import gzip
import struct

import numpy as np
import pytest

from pgpipe.data.reading import idx
from pgpipe.errors import IntegrityError
from pgpipe.images import Images


def written(array: Images) -> bytes:
    """The format, from its description."""
    header = bytes([0, 0, 8, array.ndim])
    return header + b"".join(struct.pack(">I", n) for n in array.shape) + array.tobytes()


ARRAY = np.random.default_rng(0).integers(0, 256, (5, 3, 2), dtype=np.uint8)
GOOD = written(ARRAY)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (5, 3, 2), (0, 28, 28)])
@pytest.mark.parametrize("form", [bytes, gzip.compress])
def test_reads_what_was_written(shape: tuple[int, ...], form: type[bytes]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = idx.parse(form(written(array)), "file", len(shape))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("form", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "starts with , not with 00000803"),
        (b"\x00\x00\x0d\x03" + GOOD[4:], "starts with 00000d03"),
        (written(ARRAY.reshape(5, 6)), "starts with 00000802"),
        (GOOD[:9], "not an idx file"),
        (GOOD[:-1], r"shape \(5, 3, 2\) needs 30 bytes, found 29"),
        (GOOD[:16], r"needs 30 bytes, found 0"),
        (GOOD + b"\x00", "needs 30 bytes, found more"),
        (GOOD[:4] + b"\xff" * 12, "is more than 268435456 bytes"),
    ],
)
def test_anything_else_is_refused(data: bytes, reason: str, form: type[bytes]) -> None:
    with pytest.raises(IntegrityError, match=reason) as caught:
        idx.parse(form(data), "some-file", 3)
    assert str(caught.value).startswith("some-file: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [3, 12, 30, -9, -1])
def test_truncated_gzip_is_refused(cut: int) -> None:
    with pytest.raises(IntegrityError, match="some-file"):
        idx.parse(gzip.compress(GOOD)[:cut], "some-file", 3)


def test_flipped_bit_in_gzip_is_refused() -> None:
    packed = gzip.compress(GOOD)
    for place in range(10, len(packed)):
        bad = bytearray(packed)
        bad[place] ^= 1
        with pytest.raises(IntegrityError):
            idx.parse(bytes(bad), "some-file", 3)


def test_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that holds more than its header says, one element more is looked at."""
    bomb = gzip.compress(GOOD + bytes(50_000_000))
    sizes: list[int] = []
    read = gzip.GzipFile.read

    def counted(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        data: bytes = read(self, size)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    with pytest.raises(IntegrityError, match="found more"):
        idx.parse(bomb, "some-file", 3)
    assert sum(sizes) <= 1 << 16  # a buffer
