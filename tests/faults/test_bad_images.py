"""Mutated image files: pixels, or a reason; no other exception, no hang, bounded memory."""

import io

import pytest
from PIL import Image

from benchmarks.process import measured
from faults.mutants import judge
from pgpipe.data.reading.decode import MAX_PIXELS, Rejected, decode

SEED = 20261124
MEMORY = 3 << 29  # bytes of the process: what an image at the cap of pixels takes
SECONDS = 10.0  # of a processor, for any one file

faults = pytest.mark.faults


@pytest.mark.parametrize("count", [1000, pytest.param(20_000, marks=faults)])
def test_mutated_images_are_pixels_or_rejected(count: int) -> None:
    found = measured(judge, count, SEED)
    verdicts = found.value
    print(f"seed {SEED}, {count} mutants, {found.peak / 1e6:.0f} MB: {verdicts}")  # noqa: T201
    assert verdicts.unsound == []
    assert verdicts.answers + verdicts.reasons.total() == count
    assert verdicts.answers > count / 100  # or the mutations do too much to say anything
    assert verdicts.slowest < SECONDS
    assert found.peak < MEMORY


def with_scans(side: int, count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    buffer = io.BytesIO()
    Image.new("L", (side, side), 128).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + data[-2:]


def test_jpeg_of_a_hundred_thousand_scans_is_rejected() -> None:
    """A megabyte that would take hours: each scan goes over all pixels."""
    assert decode(with_scans(64, 50), "x", 1).shape == (64, 64, 1)
    with pytest.raises(Rejected, match="too many scans"):
        decode(with_scans(4096, 100_000), "x", 1)


def test_jpeg_at_the_cap_of_pixels_may_have_the_scans_of_a_camera() -> None:
    assert decode(with_scans(2048, 20), "x", 1).size == 2048**2 <= MAX_PIXELS
