"""Sets of images are read as they are, or refused in one line that says why."""

import io
import pickle
import warnings
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from pgpipe.errors import IntegrityError, PgpipeError, UsageError
from pgpipe.images import Images
from pgpipe.scoring import sets


def noise(*shape: int) -> Images:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def png(pixels: Images) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def read(path: Path, tmp_path: Path) -> Images:
    """All images of a set."""
    store = sets.read(path, tmp_path / "scratch")
    return store.take(np.arange(len(store)))


def folder_of(tmp_path: Path, files: dict[str, bytes]) -> Path:
    folder = tmp_path / "folder"
    for name, data in {**files, ".hidden": b"none of the set"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def refusal(path: Path, tmp_path: Path, kind: type[PgpipeError]) -> str:
    with pytest.raises(kind) as caught:
        sets.read(path, tmp_path / "scratch")
    return str(caught.value)


# What is read


@pytest.mark.parametrize("shape", [(5, 16, 16, 3), (5, 32, 32, 1), (1, 16, 16, 3)])
def test_array_is_read_as_it_is(shape: tuple[int, ...], tmp_path: Path) -> None:
    images = noise(*shape)
    np.save(tmp_path / "a.npy", images)
    np.testing.assert_array_equal(read(tmp_path / "a.npy", tmp_path), images)


def test_array_without_channels_is_gray(tmp_path: Path) -> None:
    images = noise(5, 16, 16)
    np.save(tmp_path / "a.npy", images)
    np.testing.assert_array_equal(read(tmp_path / "a.npy", tmp_path), images[..., None])


@pytest.mark.parametrize("channels", [1, 3])
def test_array_with_channels_first_is_recognised(channels: int, tmp_path: Path) -> None:
    images = noise(5, channels, 16, 16)
    np.save(tmp_path / "a.npy", images)
    np.testing.assert_array_equal(read(tmp_path / "a.npy", tmp_path), np.moveaxis(images, 1, -1))


def test_array_in_columns_is_the_same_array(tmp_path: Path) -> None:
    images = noise(5, 16, 16, 3)
    np.save(tmp_path / "a.npy", np.asfortranarray(images))
    np.testing.assert_array_equal(read(tmp_path / "a.npy", tmp_path), images)


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    images = noise(3, 16, 16, 3)
    names = ("b/1.png", "a.png", "b/0.png")
    files = {name: png(image) for name, image in zip(names, images, strict=True)}
    found = read(folder_of(tmp_path, files), tmp_path)
    np.testing.assert_array_equal(found, images[[1, 2, 0]])
    with ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    np.testing.assert_array_equal(read(tmp_path / "set.zip", tmp_path), found)


def test_gray_files_become_rgb_and_transparent_ones_white(tmp_path: Path) -> None:
    gray, clear = noise(16, 16), np.zeros((16, 16, 4), np.uint8)
    found = read(folder_of(tmp_path, {"0.png": png(gray), "1.png": png(clear)}), tmp_path)
    np.testing.assert_array_equal(found[0], gray[..., None].repeat(3, axis=2))
    assert (found[1] == 255).all()


# What is refused


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (noise(4, 8, 8, 3), "images of 8x8 pixels are below 16x16"),
        (noise(4, 16, 32, 3), "images of 32x16 pixels are not square"),
        (noise(4, 48, 48, 3), "48 is not a power of two; near: 32, 64"),
        (noise(4, 16, 16, 2), "2 channels are neither gray (1) nor RGB (3)"),
        (noise(4, 16, 16, 4), "4 channels are neither gray (1) nor RGB (3)"),
        (noise(4, 3, 16, 32), "images of 32x16 pixels are not square"),
        (noise(16, 16), "shape (16, 16) is neither [N, H, W, C], [N, C, H, W] nor [N, H, W]"),
        (noise(0, 16, 16, 3), "no images in it"),
        (
            noise(4, 16, 16, 3) / np.float32(255),
            "float32 from 0 to 1, expected uint8 from 0 to 255; save np.rint(x * 255).clip(",
        ),
        (
            noise(4, 3, 16, 16) / np.float32(127.5) - 1,
            "float32 from -1 to 1, expected uint8 from 0 to 255; save np.rint((x + 1) * 127.5)",
        ),
        (noise(4, 16, 16, 3) * 1e3, "float64 from 0 to 255000, expected uint8 from 0 to 255"),
        (noise(4, 16, 16, 3).astype(np.int64), "int64 from 0 to 255, expected uint8 from 0 to 255"),
        (noise(4, 16, 16, 3) > 9, "bool, expected uint8 from 0 to 255"),
    ],
)
def test_array_of_another_form(array: np.ndarray, words: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    message = refusal(tmp_path / "a.npy", tmp_path, UsageError)
    assert message.startswith(f"{tmp_path / 'a.npy'}: ")
    assert words in message


class Bomb:
    """What a pickle would do to whoever loads it."""

    def __reduce__(self) -> tuple[object, ...]:
        return warnings.warn, ("unpickled",)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([Bomb()], object), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Bomb()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("a.npy", "b.npy"):
            assert "not a readable .npy" in refusal(tmp_path / name, tmp_path, IntegrityError)


def test_damaged_array(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", noise(4, 16, 16, 3))
    whole = (tmp_path / "a.npy").read_bytes()
    for damaged in (b"", whole[:100], whole[:-1], b"PK" + whole):
        (tmp_path / "a.npy").write_bytes(damaged)
        assert "not a readable .npy" in refusal(tmp_path / "a.npy", tmp_path, IntegrityError)


@pytest.mark.parametrize("name", ["none.npy", "none", "none.zip", "a.txt", "folder.npy"])
def test_what_is_no_set_of_images(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "folder.npy").mkdir()
    assert name in refusal(tmp_path / name, tmp_path, UsageError)


def test_empty_folder(tmp_path: Path) -> None:
    assert refusal(folder_of(tmp_path, {}), tmp_path, UsageError).endswith(": no images in it")


def test_files_of_two_sizes_name_both(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"a.png": png(noise(16, 16, 3)), "b.png": png(noise(32, 16, 3))})
    message = refusal(folder, tmp_path, UsageError)
    assert "'b.png' has 16x32 pixels, 'a.png' 16x16" in message


def test_files_that_are_no_images_by_name_are_skipped_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = noise(2, 16, 16, 3)
    files = {f"a/{n}.png": png(image) for n, image in enumerate(images)}
    found = read(
        folder_of(tmp_path, {**files, "log.txt": b"", "a/x.pt": b"", "thumbs.db": b""}), tmp_path
    )
    np.testing.assert_array_equal(found, images)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("no images by their names are skipped: 2, the first is 'a/x.pt'")


def test_other_kinds_of_images_are_named_in_one_plain_line(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(16, 16, 3)).save(buffer, "TIFF")
    files = {f"{number}.tif": buffer.getvalue() for number in range(5)}
    message = refusal(folder_of(tmp_path, files), tmp_path, IntegrityError)
    assert message == f"{tmp_path}/folder: 0.tif: not a JPEG, PNG or WebP image, but TIFF"


def test_image_that_cannot_be_read_is_not_skipped(tmp_path: Path) -> None:
    whole = png(noise(16, 16, 3))
    for data in (b"text", whole[:-20]):
        folder = folder_of(tmp_path, {"a.png": whole, "b.png": data})
        assert "b.png: " in refusal(folder, tmp_path, IntegrityError)
