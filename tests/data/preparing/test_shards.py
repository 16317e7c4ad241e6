"""Shards of bounded size: what is written is read back, hashed, and gone on with after a death."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from pgpipe.data.feeding.multires import ImageStore
from pgpipe.data.preparing.shards import ShardWriter
from pgpipe.images import Images


def pixels(count: int, size: int = 4) -> Images:
    shape = (count, size, size, 3)
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def sharded(folder: Path, images: Images, per_shard: int) -> ImageStore:
    writer = ShardWriter(folder, shard_bytes=per_shard * images[0].nbytes)
    for number in range(0, len(images), 2):
        writer.append(images[number : number + 2])
    writer.close()
    return ImageStore(folder)


@pytest.mark.parametrize(
    ("count", "per_shard", "lengths"),
    [(1, 3, [1]), (3, 3, [3]), (4, 3, [3, 1]), (7, 3, [3, 3, 1]), (13, 1, [1] * 13)],
)
def test_shards_are_full_but_the_last(
    count: int, per_shard: int, lengths: list[int], tmp_path: Path
) -> None:
    store = sharded(tmp_path / "r4", pixels(count), per_shard)
    assert [len(shard) for shard in store.shards] == lengths
    files = sorted((tmp_path / "r4").iterdir())
    assert [file.name for file in files] == [f"{n:05d}.npy" for n in range(len(lengths))]


@pytest.mark.parametrize("per_shard", [1, 3, 5, 100])
def test_store_gives_the_images_back_across_shards(per_shard: int, tmp_path: Path) -> None:
    images = pixels(11)
    store = sharded(tmp_path / "r4", images, per_shard)
    assert len(store) == 11
    assert store.shape == images.shape
    assert store.nbytes == images.nbytes
    for indices in (np.arange(11), np.array([10, 0, 5, 5, 3, 2, 9]), np.array([4])):
        np.testing.assert_array_equal(store.take(indices), images[indices])


def test_taken_images_are_a_copy(tmp_path: Path) -> None:
    for per_shard in (2, 100):
        store = sharded(tmp_path / f"r{per_shard}", pixels(5), per_shard)
        store.take(np.arange(5))[:] = 0
        np.testing.assert_array_equal(store.take(np.arange(5)), pixels(5))


def test_a_shard_of_many_images_has_a_valid_header(tmp_path: Path) -> None:
    store = sharded(tmp_path / "r1", pixels(12_345, 1), 100_000)
    np.testing.assert_array_equal(store.take(np.arange(12_345)), pixels(12_345, 1))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7])
def test_hashes_of_shards_are_those_of_their_files(count: int, tmp_path: Path) -> None:
    images = pixels(count)
    writer = ShardWriter(tmp_path / "r4", shard_bytes=2 * images[0].nbytes)
    writer.append(images[:1])
    writer.append(images[1:])
    writer.close()
    files = sorted((tmp_path / "r4").iterdir())
    assert writer.hashes == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert len(files) == -(-count // 2)
