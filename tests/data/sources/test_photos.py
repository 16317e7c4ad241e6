"""Windows into photographs: exact box means, the same at every resolution, without a network."""

import hashlib
import io
import itertools
import socket
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tinyparams import VALID

from pgpipe.config import validate
from pgpipe.data.config import PHOTOS_LARGEST, DatasetSection
from pgpipe.data.preparing.pyramid import Sample, pyramid
from pgpipe.data.sources import photos
from pgpipe.data.sources.photos import PHOTOGRAPHS
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.images import Images


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("raw") / "images.zip"
    photos.fetch(target)
    return target


@pytest.fixture(scope="module")
def windows(archive: Path) -> list[Sample]:
    """Four rounds of all photographs at 64x64."""
    return list(photos.read(archive, 3, 64, 4, 0))


def noise(height: int, width: int, channels: int = 3) -> Images:
    shape = (height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def overlap(box: Fraction, size: Fraction, pixel: int) -> Fraction:
    """The length that a box and a pixel share."""
    return max(Fraction(0), min(box + size, Fraction(pixel + 1)) - max(box, Fraction(pixel)))


def literal_means(window: Images, resolution: int) -> NDArray[np.float64]:
    """Sums of pixels weighted by the area that each box covers, in exact fractions."""
    side, channels = len(window), window.shape[2]
    size = Fraction(side, resolution)
    shares = [[overlap(n * size, size, p) for p in range(side)] for n in range(resolution)]
    out = np.empty((resolution, resolution, channels))
    for i, j, c in np.ndindex(out.shape):
        total = sum(
            shares[i][y] * shares[j][x] * int(window[y, x, c])
            for y in range(side)
            if shares[i][y]
            for x in range(side)
            if shares[j][x]
        )
        out[i, j, c] = float(total / size**2)
    return out


def box_mean(image: Images, top: int, left: int, side: int, resolution: int) -> NDArray[Any]:
    return photos.box_mean(photos.summed_area(image), top, left, side, resolution)


@pytest.mark.parametrize(
    ("side", "resolution"),
    [(8, 8), (8, 4), (12, 4), (5, 4), (7, 4), (9, 8), (13, 8), (15, 4), (17, 16), (10, 1)],
)
def test_box_means_equal_sums_of_fractions(side: int, resolution: int) -> None:
    image = noise(side + 5, side + 3)
    found = box_mean(image, 2, 1, side, resolution)
    expected = literal_means(image[2 : 2 + side, 1 : 1 + side], resolution)
    assert np.issubdtype(found.dtype, np.floating)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (0, 4), (6, 0), (6, 4), (3, 2)])
def test_windows_reach_every_border(top: int, left: int) -> None:
    image = noise(15, 13)
    expected = literal_means(image[top : top + 9, left : left + 9], 4)
    np.testing.assert_allclose(box_mean(image, top, left, 9, 4), expected, rtol=1e-6)


def test_a_window_of_its_own_size_is_unchanged() -> None:
    image = noise(20, 20)
    np.testing.assert_array_equal(box_mean(image, 3, 4, 16, 16), image[3:19, 4:20])


def test_a_constant_stays_constant() -> None:
    image = np.full((40, 40, 1), 201, np.uint8)
    np.testing.assert_allclose(box_mean(image, 0, 0, 37, 16), 201, rtol=1e-6)


def test_summed_area_of_a_large_photograph_is_exact() -> None:
    image = np.full((1500, 1500, 1), 255, np.uint8)
    assert photos.summed_area(image)[-1, -1, 0] == 1500 * 1500 * 255


def test_fetch_gives_the_same_bytes_each_time(archive: Path, tmp_path: Path) -> None:
    photos.fetch(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_archive_holds_the_ten_photographs_unchanged(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        expected = {f"{label}/{photo.file}": photo.hash for label, photo in PHOTOGRAPHS.items()}
        found = {n: hashlib.sha256(opened.read(n)).hexdigest() for n in opened.namelist()}
    assert found == expected
    assert len(found) == 10


def test_no_network_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    photos.fetch(tmp_path / "images.zip")
    assert next(photos.read(tmp_path / "images.zip", 3, 16, 1, 0))[1] == "astronaut"


def test_another_photograph_than_expected_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PHOTOGRAPHS, "cat", PHOTOGRAPHS["cat"]._replace(hash="0" * 64))
    with pytest.raises(IntegrityError, match=r"cat/chelsea\.png: scikit-image carries another"):
        photos.fetch(tmp_path / "images.zip")
    assert not (tmp_path / "images.zip").exists()


def test_windows_come_in_rounds_of_all_photographs(windows: list[Sample]) -> None:
    labels = [label for _, label, _ in windows]
    assert labels == sorted(PHOTOGRAPHS) * 4
    names = [name for _, _, name in windows]
    assert names[:2] == ["astronaut/00000", "brick/00000"]
    assert len(set(names)) == 40


def test_windows_are_float_squares_within_range(windows: list[Sample]) -> None:
    for image, _, _ in windows:
        assert image.shape == (64, 64, 3)
        assert np.issubdtype(image.dtype, np.floating)
        assert image.min() >= 0
        assert image.max() <= 255


@pytest.mark.parametrize("resolution", [8, 16, 32])
def test_smaller_windows_are_means_of_larger_ones_to_the_bit(
    resolution: int, archive: Path, windows: list[Sample]
) -> None:
    direct = photos.read(archive, 3, resolution, 4, 0)
    for (large, _, name), (small, _, same_name) in zip(windows, direct, strict=True):
        assert name == same_name
        levels = {level.shape[1]: level for level in pyramid(large[None])}
        np.testing.assert_array_equal(pyramid(small[None])[0], levels[resolution])


def test_same_seed_gives_the_same_windows(archive: Path, windows: list[Sample]) -> None:
    for (ours, _, _), (theirs, _, _) in zip(
        windows[:10], photos.read(archive, 3, 64, 1, 0), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)  # and more rounds change no earlier one


def test_another_seed_gives_other_windows(archive: Path, windows: list[Sample]) -> None:
    others = photos.read(archive, 3, 64, 1, 1)
    for (ours, _, _), (theirs, _, _) in zip(windows[:10], others, strict=True):
        assert (ours != theirs).any()


def test_windows_of_one_photograph_differ(windows: list[Sample]) -> None:
    for a, b in itertools.combinations(windows[::10], 2):
        assert (a[0] != b[0]).any()


def test_gray_windows_have_one_channel(archive: Path) -> None:
    image, label, _ = next(photos.read(archive, 1, 16, 1, 0))
    assert image.shape == (16, 16, 1)
    assert label == "astronaut"


@pytest.mark.parametrize("resolution", [4, 64, 256])
def test_windows_lie_inside_and_are_never_enlarged(resolution: int) -> None:
    draw = np.random.default_rng(0)
    photo = PHOTOGRAPHS["grass"]
    table = np.zeros((300 + 1, 280 + 1, 3))
    for _ in range(500):
        top, left, side = photos.random_window(table, photo, resolution, draw)
        assert max(photo.smallest, resolution) <= side <= max(photo.largest, resolution)
        assert 0 <= top <= 300 - side
        assert 0 <= left <= 280 - side


def test_every_corner_of_a_photograph_can_be_drawn() -> None:
    photo = PHOTOGRAPHS["grass"]._replace(smallest=6, largest=8)
    draw = np.random.default_rng(0)
    table = np.zeros((10 + 1, 9 + 1, 1))
    drawn = {photos.random_window(table, photo, 4, draw) for _ in range(3000)}
    every = {(t, left, s) for s in (6, 7, 8) for t in range(11 - s) for left in range(10 - s)}
    assert drawn == every


def test_largest_windows_fit_into_their_regions_and_those_into_the_photographs(
    archive: Path,
) -> None:
    with zipfile.ZipFile(archive) as opened:
        for label, photo in PHOTOGRAPHS.items():
            data = opened.read(f"{label}/{photo.file}")
            width, height = Image.open(io.BytesIO(data)).size
            region = photo.region or photos.Region(0, 0, height, width)
            assert 0 <= region.top <= height - region.height
            assert 0 <= region.left <= width - region.width
            shortest = min(region.height, region.width)
            assert photo.smallest <= photo.largest <= shortest
            assert shortest >= PHOTOS_LARGEST


def test_windows_lie_in_their_region(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a region of the smallest window's size leaves one choice
    region = photos.Region(10, 20, 64, 64)
    whole = PHOTOGRAPHS["grass"]._replace(region=region, smallest=64, largest=64)
    monkeypatch.setitem(PHOTOGRAPHS, "grass", whole)
    found = next(image for image, label, _ in photos.read(archive, 3, 64, 1, 5) if label == "grass")
    with zipfile.ZipFile(archive) as opened:
        picture = Image.open(io.BytesIO(opened.read("grass/grass.png"))).convert("RGB")
    np.testing.assert_array_equal(found, np.array(picture)[10:74, 20:84])


def test_a_resolution_beyond_the_photographs_is_refused() -> None:
    section = {**VALID["dataset"], "resolution": 512}
    with pytest.raises(UsageError, match=r"resolution: 512 is not <= 256"):
        validate(DatasetSection, section, "params.yaml")
    validate(DatasetSection, {**section, "resolution": 256}, "params.yaml")
