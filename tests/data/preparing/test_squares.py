"""From published images to squares; what gives none is counted and named."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tinyparams import VALID

from pgpipe.data.config import DatasetSection
from pgpipe.data.preparing import squares
from pgpipe.data.preparing.squares import blocks
from pgpipe.data.reading.items import Item
from pgpipe.data.reading.square import Box
from pgpipe.errors import IntegrityError
from pgpipe.images import Images


def png(image: Images) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, "PNG")
    return buffer.getvalue()


def noise(*shape: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def made(
    items: Iterable[Item],
    rejected: list[tuple[str, str]] | None = None,
    processes: int = 1,
    boxes: dict[str, Box] | None = None,
    **values: Any,
) -> list[tuple[list[Images], str]]:
    """Each image at every resolution, with its label."""
    if boxes is not None:
        values |= {"crop": "box", "boxes": "b.csv"}
    dataset = DatasetSection(**{**VALID["dataset"], "name": "folder", "resolution": 8, **values})
    into = [] if rejected is None else rejected
    with blocks(iter(items), dataset, Path("data/raw"), into, processes, boxes) as found:
        return [
            ([level[number].copy() for level in levels], label)
            for levels, labels, _ in found
            for number, label in enumerate(labels)
        ]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_pixels_and_files_give_the_same_squares(channels: int, color: str) -> None:
    image = noise(11, 9, channels)
    (pixels, label), (file, _) = made([(image, "l", "n"), (png(image), "l", "n")], color=color)
    assert label == "l"
    assert [level.shape for level in pixels] == [
        (n, n, 1 if color == "gray" else 3) for n in (8, 4)
    ]
    for ours, theirs in zip(pixels, file, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_celeba_is_the_crop_of_the_official_tool() -> None:
    """img[cy - 64 : cy + 64, cx - 64 : cx + 64] for the centre (cx, cy) = (89, 121)."""
    image = noise(218, 178, 3)
    (((square, *_), _),) = made([(image, "", "")], crop="celeba", resolution=128)
    np.testing.assert_array_equal(square, image[57:185, 25:153])


def test_celeba_refuses_images_of_other_sizes() -> None:
    with pytest.raises(IntegrityError, match="178x217 pixels are not the 178x218 that crop"):
        made([(noise(217, 178, 3), "", "x")], crop="celeba", max_rejected=0)


def test_lanczos_makes_a_square_that_boxes_halve() -> None:
    image = noise(45, 50, 3)
    ((levels, _),) = made([(image, "", "")], lanczos_resolution=32, resolution=16)
    square = Image.fromarray(image[:, 2:47]).resize((32, 32), Image.Resampling.LANCZOS)
    boxes = np.asarray(square, np.float64).reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    np.testing.assert_array_equal(levels[0], np.floor(boxes + 0.5))
    boxes = boxes.reshape(8, 2, 8, 2, 3).mean(axis=(1, 3))
    np.testing.assert_array_equal(levels[1], np.floor(boxes + 0.5))


def test_boxes_are_of_the_upright_image_and_one_beyond_it_rejects_it() -> None:
    image = noise(20, 30, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", exif=exif)
    upright = np.rot90(image, -1)
    boxes = {"turned": Box(3, 12, 8, 8), "beyond": Box(13, 0, 8, 8)}
    rejected: list[tuple[str, str]] = []
    items: list[Item] = [(buffer.getvalue(), "", name) for name in boxes]
    (((square, *_), _),) = made(items, rejected, boxes=boxes)
    np.testing.assert_array_equal(square, upright[12:20, 3:11])
    assert rejected == [("beyond", "the box 8x8+13+0 is not within 20x30 pixels")]


@pytest.mark.parametrize(
    ("color", "expected"), [("rgb", [255, 128, 0]), ("gray", [0.299 * 255 + 0.587 * 128])]
)
def test_padding_and_what_is_transparent_have_their_colours(
    color: str, expected: list[float]
) -> None:
    clear = png(np.zeros((4, 8, 4), np.uint8))
    colours: dict[str, Any] = {"border": "#ff8000", "background": "#3060ff", "color": color}
    (((square, *_), _),) = made([(clear, "", "")], crop="pad", **colours)
    np.testing.assert_allclose(square[:2].reshape(-1, len(expected)).mean(0), expected, atol=0.5)
    inside = [0x30, 0x60, 0xFF]
    luma = [0.299 * inside[0] + 0.587 * inside[1] + 0.114 * inside[2]]
    seen = square[2:6].reshape(-1, len(expected)).mean(0)
    np.testing.assert_allclose(seen, luma if color == "gray" else inside, atol=0.5)


def test_what_an_earlier_run_rejected_counts() -> None:
    with pytest.raises(IntegrityError, match=r"3 files .* dataset\.max_rejected allows 2"):
        made([(noise(9, 9, 3), "", "x")], [("a", "text")] * 3, max_rejected=2)


def mixed(count: int) -> Iterator[Item]:
    """Images of several shapes, as arrays and files, in order of their labels; some are none."""
    for number in range(count):
        height, width = 8 + number % 7, 8 + number % 5
        image = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
        content = {0: png(image), 1: b"text"}.get(number % 6, image)
        yield content, f"{number:04d}", f"n{number}"


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3, 5])
def test_the_result_is_that_of_one_process(processes: int) -> None:
    alone: list[tuple[str, str]] = []
    together: list[tuple[str, str]] = []
    one = made(mixed(700), alone, max_rejected=200)  # of several batches
    many = made(mixed(700), together, processes, max_rejected=200)
    assert together == alone
    assert [name for name, _ in alone] == [f"n{number}" for number in range(1, 700, 6)]
    assert [label for _, label in one] == [f"{n:04d}" for n in range(700) if n % 6 != 1]
    for (ours, label), (theirs, same) in zip(one, many, strict=True):
        assert label == same
        for level, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(level, other)


def broken_after(count: int) -> Iterator[Item]:
    yield from mixed(count)
    raise IntegrityError("the archive ends here")


@pytest.mark.parametrize("processes", [1, 4])
def test_what_is_wrong_first_is_told(processes: int) -> None:
    """Readers are ahead of the verdicts on what they have read."""
    with pytest.raises(IntegrityError, match="max_rejected allows 20"):
        made(broken_after(512), processes=processes, max_rejected=20)
    with pytest.raises(IntegrityError, match="the archive ends here"):
        made(broken_after(512), processes=processes, max_rejected=100)


def test_an_image_is_the_same_whatever_else_is_in_its_batch() -> None:
    """Of whole pixels other sums are made than of fractions."""
    whole, reduced = noise(8, 8, 3), noise(13, 13, 3)
    ((alone, _),) = made([(whole, "", "")])
    (_, _), (among, _), _ = made([(reduced, "", ""), (whole, "", ""), (reduced, "", "")])
    for ours, theirs in zip(alone, among, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_large_images_are_batches_of_their_own_and_made_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(squares, "BATCH_BYTES", 500)
    monkeypatch.setattr(squares, "LARGE_PIXELS", 100)
    small = made(mixed(40), processes=2)
    monkeypatch.undo()
    for (ours, label), (theirs, same) in zip(small, made(mixed(40)), strict=True):
        assert label == same
        np.testing.assert_array_equal(ours[0], theirs[0])


def test_rejected_files_are_counted_and_named() -> None:
    image = noise(9, 9, 3)
    rejected: list[tuple[str, str]] = []
    items: list[Item] = [
        (image, "a", "a"),
        (b"text", "", "b.txt"),
        (image, "c", "c"),
        (png(image)[:40], "", "d.png"),
    ]
    found = made(items, rejected, max_rejected=2)
    assert [label for _, label in found] == ["a", "c"]
    assert [name for name, _ in rejected] == ["b.txt", "d.png"]
    assert rejected[0][1] == "not a JPEG, PNG or WebP image"


@pytest.mark.parametrize("limit", [0, 1, 4])
def test_too_many_rejected_files_are_an_error(limit: int) -> None:
    items: list[Item] = [(b"text", "", f"{n}.txt") for n in range(5)]
    with pytest.raises(IntegrityError) as caught:
        made(items, max_rejected=limit)
    text = str(caught.value)
    assert f"data/raw: {limit + 1} file{'s' if limit else ''} without a usable image" in text
    assert f"dataset.max_rejected allows {limit} " in text
    assert "'0.txt': not a JPEG, PNG or WebP image" in text
    assert "4.txt" not in text
    assert "\n" not in text
    assert made(items, max_rejected=5) == []
