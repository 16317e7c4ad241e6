"""Single digits: scikit-learn's, enlarged, and MNIST's, padded; both verified."""

import gzip
import re
import socket
import struct
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from tinyparams import VALID

from pgpipe.config import validate
from pgpipe.data.config import DatasetSection
from pgpipe.data.sources import digits, stacked_mnist
from pgpipe.data.sources.mnist import IMAGES as MNIST_IMAGES
from pgpipe.data.sources.mnist import LABELS as MNIST_LABELS
from pgpipe.data.sources.stacks import Digits
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.images import Images


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    target = tmp_path_factory.mktemp("raw") / "images.zip"
    digits.fetch_bundled(target)
    return digits.read_bundled(target)


# scikit-learn's


def test_bundled_digits_are_those_of_the_library(bundled: Digits) -> None:
    theirs = load_digits()
    np.testing.assert_array_equal(bundled.digits, theirs.target)
    assert bundled.images.shape == (len(theirs.target), 32, 32)
    assert bundled.images.dtype == np.uint8


def test_enlargement_passes_through_the_original_pixels(bundled: Digits) -> None:
    """The centre of each 3x3 pixels is where an original pixel lies."""
    centres = bundled.images[:, 5:-4:3, 5:-4:3]
    np.testing.assert_allclose(centres, load_digits().images * 255 / 16, atol=0.51)


def test_digits_end_softly_within_a_black_frame(bundled: Digits) -> None:
    frame = bundled.images.copy()
    frame[:, 2:-2, 2:-2] = 0
    assert frame.max() < 16
    steps = np.abs(np.diff(bundled.images.astype(int), axis=1)).max()
    assert steps < 160, "no edge from black to white within a pixel"
    assert bundled.images.max() == 255


def test_fetching_needs_no_network_and_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", None)
    for name in ("one", "two"):
        digits.fetch_bundled(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_another_file_in_the_library_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digits, "BUNDLED", "iris.csv")
    with pytest.raises(IntegrityError, match=r"iris\.csv: scikit-learn carries another file"):
        digits.fetch_bundled(tmp_path / "images.zip")
    assert not (tmp_path / "images.zip").exists()


# MNIST's


def idx(array: Images) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + bytes(array)
    )


IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)
LABELS = np.array([5, 0, 4, 1, 9, 2, 1], np.uint8)


def mnist(folder: Path, images: Images = IMAGES, labels: Images = LABELS, zipped: str = "") -> Path:
    """A folder with the files; those whose names contain `zipped` letters are gzipped."""
    for name, array in ((MNIST_IMAGES, images), (MNIST_LABELS, labels)):
        if zipped and zipped in name:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array.copy(order="C"))))
        else:
            (folder / name).write_bytes(idx(array.copy(order="C")))
    return folder


@pytest.mark.parametrize("zipped", ["", "train", "labels"])
def test_mnist_is_padded_with_two_black_pixels(zipped: str, tmp_path: Path) -> None:
    stacked_mnist.fetch(mnist(tmp_path, zipped=zipped), tmp_path / "images.zip")
    found = stacked_mnist.read(tmp_path / "images.zip")
    np.testing.assert_array_equal(found.images[:, 2:-2, 2:-2], IMAGES)
    assert found.images.sum() == IMAGES.sum(dtype=np.uint64), "the padding is black"
    assert found.images.shape == (7, 32, 32)
    assert found.digits.tolist() == LABELS.tolist()


@pytest.mark.parametrize("missing", [MNIST_IMAGES, MNIST_LABELS])
def test_missing_mnist_file_is_named(missing: str, tmp_path: Path) -> None:
    (mnist(tmp_path) / missing).unlink()
    with pytest.raises(UsageError, match=rf"no {missing}\[\.gz\]; set dataset\.path"):
        stacked_mnist.fetch(tmp_path, tmp_path / "images.zip")


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (IMAGES[:6], LABELS),
        (IMAGES[:, :27], LABELS),
        (IMAGES[:0], LABELS[:0]),
        (IMAGES, LABELS + 1),
    ],
)
def test_images_and_labels_that_do_not_fit_are_refused(
    images: Images, labels: Images, tmp_path: Path
) -> None:
    with pytest.raises(IntegrityError, match=r"expected one label in 0\.\.9 for each image"):
        stacked_mnist.fetch(mnist(tmp_path, images, labels), tmp_path / "images.zip")


def test_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """5 GB, which take no room on the disk."""
    with (mnist(tmp_path) / MNIST_IMAGES).open("wb") as sparse:
        sparse.truncate(5 << 30)
    with pytest.raises(IntegrityError, match="5368709120 bytes, at most 536870912 are read"):
        stacked_mnist.fetch(tmp_path, tmp_path / "images.zip")


# The section


def section(**values: object) -> DatasetSection:
    given = {**VALID["dataset"], "name": "digits-1k", "resolution": 32}
    return validate(DatasetSection, given | values, "params.yaml")


@pytest.mark.parametrize("name", ["digits-1k", "mnist-1k"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"resolution": 64}, "params.yaml: resolution: 64 is not 32, what {} has"),
        ({"resolution": 16}, "params.yaml: resolution: 16 is not 32, what {} has"),
        ({"color": "gray"}, "params.yaml: color: gray is not rgb, the three digits of {}"),
    ],
)
def test_stacks_are_32_pixels_in_color(name: str, values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message.format(name))}$"):
        section(name=name, **values)


def test_which_data_sets_are_stacked() -> None:
    stacked = {name: section(name=name).stacked for name in ("digits-1k", "mnist-1k", "photos")}
    assert stacked == {"digits-1k": True, "mnist-1k": True, "photos": False}
