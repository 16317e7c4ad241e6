"""The prepared data set: every resolution from the original, shards, hashes."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pgpipe.data.feeding import multires
from pgpipe.data.feeding.multires import Block, ImageStore
from pgpipe.data.preparing import writing
from pgpipe.data.preparing.pyramid import blocks
from pgpipe.data.preparing.shards import ShardWriter
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.images import Images

SIZES = (32, 16, 8, 4)


def originals(count: int, channels: int = 3, size: int = 32) -> list[NDArray[Any]]:
    """Images with fractions, as reduced windows have them."""
    draw = np.random.default_rng(0)
    return [draw.uniform(0, 255, (size, size, channels)).astype(np.float32) for _ in range(count)]


def samples(images: list[NDArray[Any]], labels: str = "ba") -> Iterator[Block]:
    return blocks((image, labels[n % len(labels)], f"{n}") for n, image in enumerate(images))


def pixels(count: int, size: int = 4) -> Images:
    shape = (count, size, size, 3)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def literal_mean(image: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Means over square blocks of the original, one pixel at a time."""
    step = len(image) // size
    out = np.empty((size, size, image.shape[2]))
    for i, j, c in np.ndindex(out.shape):
        block = image[i * step : (i + 1) * step, j * step : (j + 1) * step, c]
        out[i, j, c] = block.astype(np.float64).sum() / step**2
    return out


def require_rounded(pixels: Images, mean: NDArray[np.float64]) -> None:
    """Each pixel is its mean to the nearest; within a thousandth of a tie, either neighbour."""
    clear = np.abs(mean % 1 - 0.5) > 1e-3
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(pixels[clear], np.floor(mean + 0.5)[clear])
    assert np.abs(pixels - mean).max() < 0.501


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("multires")
    writing.write(samples(originals(5)), folder, 32, [("x.png", "corrupt")])
    return folder


@pytest.mark.parametrize("size", SIZES)
def test_each_resolution_is_the_mean_of_the_original_rounded_once(
    prepared: Path, size: int
) -> None:
    found = ImageStore(prepared / f"r{size}").take(np.arange(5))
    assert found.dtype == np.uint8
    for image, original in zip(found, originals(5), strict=True):
        require_rounded(image, literal_mean(original, size))


def test_it_is_not_the_mean_of_the_rounded(prepared: Path) -> None:
    large, small = (ImageStore(prepared / f"r{size}").take(np.arange(5)) for size in (8, 4))
    of_rounded = [np.floor(literal_mean(image, 4) + 0.5) for image in large]
    assert (np.stack(of_rounded) != small).any()


def test_exact_halves_round_up_at_every_resolution(tmp_path: Path) -> None:
    image = np.zeros((16, 16, 1), np.float32)
    image[::2] = 1  # the mean of any block is a half
    writing.write(samples([image]), tmp_path, 16, [])
    for size in (8, 4):
        assert ImageStore(tmp_path / f"r{size}").take(np.arange(1)).min() == 1


def test_whole_numbers_stay_and_halves_of_them_round_up(tmp_path: Path) -> None:
    image = pixels(1, 32)[0]
    writing.write(samples([image.astype(np.float32)]), tmp_path, 32, [])
    for size in SIZES:
        found = ImageStore(tmp_path / f"r{size}").take(np.arange(1))[0]
        np.testing.assert_array_equal(found, np.floor(literal_mean(image, size) + 0.5))


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_down_to_4(channels: int, tmp_path: Path) -> None:
    manifest = writing.write(samples(originals(3, channels)), tmp_path, 32, [])
    arrays = {name: entry["shape"] for name, entry in manifest["arrays"].items()}
    expected = {f"r{n}/00000.npy": (3, n, n, channels) for n in SIZES}
    assert arrays == {"labels.npy": (3,), **expected}


def test_labels_are_numbered_in_the_order_of_their_names(prepared: Path) -> None:
    manifest = multires.read_manifest(prepared)
    assert manifest["labels"] == ["a", "b"]
    assert manifest["per_label"] == {"a": 2, "b": 3}
    assert multires.read_labels(prepared).tolist() == [1, 0, 1, 0, 1]


def test_one_label_is_none(tmp_path: Path) -> None:
    manifest = writing.write(samples(originals(2), labels="a"), tmp_path, 32, [])
    assert manifest["labels"] == []


def test_stated_classes_are_numbered_though_not_all_occur(tmp_path: Path) -> None:
    manifest = writing.write(samples(originals(3)), tmp_path, 32, [], ["c", "b", "a"])
    assert manifest["labels"] == ["c", "b", "a"]
    assert manifest["per_label"] == {"c": 0, "b": 2, "a": 1}
    assert multires.read_labels(tmp_path).tolist() == [1, 2, 1]


def test_manifest_states_count_channels_and_rejected_files(prepared: Path) -> None:
    manifest = multires.read_manifest(prepared)
    assert (manifest["count"], manifest["channels"]) == (5, 3)
    assert manifest["rejected"] == [{"file": "x.png", "reason": "corrupt"}]


def test_manifest_knows_the_hash_of_every_array(prepared: Path) -> None:
    arrays = multires.read_manifest(prepared)["arrays"]
    files = {str(file.relative_to(prepared)) for file in prepared.rglob("*.npy")}
    assert arrays.keys() == files
    for size in SIZES:
        hashes = multires.verify(prepared, f"r{size}")
        assert hashes.keys() == {"labels.npy", f"r{size}/00000.npy"}
        assert all(arrays[name]["sha256"] == value for name, value in hashes.items())


def test_same_samples_give_the_same_bytes(prepared: Path, tmp_path: Path) -> None:
    writing.write(samples(originals(5)), tmp_path, 32, [("x.png", "corrupt")])
    manifests = [(folder / "manifest.json").read_bytes() for folder in (prepared, tmp_path)]
    assert manifests[0] == manifests[1]


@pytest.mark.parametrize("file", ["r8/00000.npy", "labels.npy"])
@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_flipped_bit_is_noticed(file: str, at: int, tmp_path: Path) -> None:
    writing.write(samples(originals(3)), tmp_path, 32, [])
    data = bytearray((tmp_path / file).read_bytes())
    data[at] ^= 1
    (tmp_path / file).write_bytes(data)
    with pytest.raises(IntegrityError, match=rf"{file}: not what was written"):
        multires.verify(tmp_path, "r8")


def test_a_missing_array_is_noticed(tmp_path: Path) -> None:
    writing.write(samples(originals(3)), tmp_path, 32, [])
    (tmp_path / "r8" / "00000.npy").unlink()
    with pytest.raises(IntegrityError, match=r"r8/00000\.npy"):
        multires.verify(tmp_path, "r8")


def test_damage_elsewhere_does_not_count(tmp_path: Path) -> None:
    writing.write(samples(originals(3)), tmp_path, 32, [])
    (tmp_path / "r16" / "00000.npy").unlink()
    multires.verify(tmp_path, "r8")


def test_no_images_are_refused(tmp_path: Path) -> None:
    rejected = [(f"{n}.tif", "a TIFF") for n in range(5)]
    with pytest.raises(UsageError) as caught:
        writing.write(samples([]), tmp_path, 32, rejected)
    assert str(caught.value) == (
        "no readable image among 5 files ('0.tif': a TIFF; '1.tif': a TIFF; '2.tif': a TIFF)"
    )
    with pytest.raises(UsageError, match=r"^no readable image among 0 files$"):
        writing.write(samples([]), tmp_path, 32, [])


def test_a_missing_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"manifest\.json: not found$"):
        multires.read_manifest(tmp_path)
    with pytest.raises(UsageError, match="no prepared images"):
        ImageStore(tmp_path / "r8")


def test_a_sharded_data_set_is_hashed_and_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "ShardWriter", partial(ShardWriter, shard_bytes=2 * 8 * 8 * 3))
    writing.write(samples(originals(5)), tmp_path, 32, [])
    assert len(multires.verify(tmp_path, "r8")) == 1 + 3  # labels and three shards
    assert len(multires.verify(tmp_path, "r32")) == 1 + 5
    expected = np.stack([literal_mean(image, 8) for image in originals(5)])
    require_rounded(ImageStore(tmp_path / "r8").take(np.arange(5)), expected)


def test_manifest_is_readable_json(prepared: Path) -> None:
    text = (prepared / "manifest.json").read_text(encoding="utf-8")
    assert json.loads(text) == multires.read_manifest(prepared)
    assert text.endswith("}\n")
