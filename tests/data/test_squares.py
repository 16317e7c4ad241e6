"""From published images to squares; what gives none is counted and named."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tinyparams import VALID

from pgpipe.data.config import DatasetSection
from pgpipe.data.items import Item
from pgpipe.data.multires import Sample
from pgpipe.data.squares import squares
from pgpipe.errors import IntegrityError
from pgpipe.images import Images


def png(image: Images) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, "PNG")
    return buffer.getvalue()


def noise(*shape: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def made(
    items: list[Item], rejected: list[tuple[str, str]] | None = None, **values: Any
) -> list[Sample]:
    dataset = DatasetSection(**{**VALID["dataset"], "resolution": 8, **values})
    found = [] if rejected is None else rejected
    return list(squares(iter(items), dataset, Path("data/raw"), found))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_pixels_and_files_give_the_same_squares(channels: int, color: str) -> None:
    image = noise(11, 9, channels)
    (pixels, label, name), (file, *_) = made(
        [(image, "l", "n"), (png(image), "l", "n")], color=color
    )
    assert (label, name) == ("l", "n")
    assert pixels.shape == (8, 8, 1 if color == "gray" else 3)
    np.testing.assert_array_equal(pixels, file)


def test_celeba_is_the_crop_of_the_official_tool() -> None:
    """img[cy - 64 : cy + 64, cx - 64 : cx + 64] for the centre (cx, cy) = (89, 121)."""
    image = noise(218, 178, 3)
    ((square, _, _),) = made([(image, "", "")], crop="celeba", resolution=128)
    np.testing.assert_array_equal(square, image[57:185, 25:153])


def test_celeba_refuses_images_of_other_sizes() -> None:
    with pytest.raises(IntegrityError, match="178x217 pixels are not the 178x218 that crop"):
        made([(noise(217, 178, 3), "", "x")], crop="celeba", max_rejected=0)


def test_rejected_files_are_counted_and_named() -> None:
    image = noise(9, 9, 3)
    rejected: list[tuple[str, str]] = []
    items: list[Item] = [
        (image, "", "a"),
        (b"text", "", "b.txt"),
        (image, "", "c"),
        (png(image)[:40], "", "d.png"),
    ]
    found = made(items, rejected, max_rejected=2)
    assert [name for _, _, name in found] == ["a", "c"]
    assert [name for name, _ in rejected] == ["b.txt", "d.png"]
    assert rejected[0][1] == "not a JPEG, PNG or WebP image"


@pytest.mark.parametrize("limit", [0, 1, 4])
def test_too_many_rejected_files_are_an_error(limit: int) -> None:
    items: list[Item] = [(b"text", "", f"{n}.txt") for n in range(5)]
    with pytest.raises(IntegrityError) as caught:
        made(items, max_rejected=limit)
    text = str(caught.value)
    assert f"data/raw: {limit + 1} files" in text
    assert f"dataset.max_rejected allows {limit} " in text
    assert "'0.txt': not a JPEG, PNG or WebP image" in text
    assert "4.txt" not in text
    assert "\n" not in text
    assert made(items, max_rejected=5) == []
