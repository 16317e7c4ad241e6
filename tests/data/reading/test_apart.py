"""Sets that are read in a process of its own: what they may become, and what ends the reader."""

import os
import signal
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import h5py
import lmdb
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from publishedsets import idx, noise, write_tar
from tinyparams import VALID

from benchmarks.process import measured_with_children
from pgpipe.data.config import DatasetSection
from pgpipe.data.reading import apart, bounds
from pgpipe.data.reading.idx import parse
from pgpipe.data.reading.items import Item
from pgpipe.data.sources import lsun
from pgpipe.data.sources.source import Place, Source
from pgpipe.data.sources.table import source as source_of
from pgpipe.errors import IntegrityError, ResourceError

DATASET = DatasetSection(**{**VALID["dataset"], "name": "npz", "images": 0})


def of(read: Callable[[Path], Iterator[Item]]) -> Source:
    """A source of no files."""
    return Source(lambda _: None, read)


def images(name: str, raw: Path) -> list[Item]:
    """The images of a set whose files are in `raw`."""
    source = source_of(name)
    assert isinstance(source, Source)
    return list(apart.opened(source, raw, DATASET)[1])


def refusal(name: str, raw: Path) -> str:
    """Why there are none."""
    try:
        return f"{len(images(name, raw))} images"
    except IntegrityError as error:
        return str(error)


@pytest.mark.parametrize(("count", "skip"), [(0, 0), (1, 0), (200, 0), (200, 130), (3, 7)])
def test_images_come_in_order_but_for_the_first(tmp_path: Path, count: int, skip: int) -> None:
    (tmp_path / "file").write_bytes(bytes(count))
    made = [(bytes([number]), f"{number % 3}", f"{number}") for number in range(count)]
    _, found = apart.opened(of(lambda _: iter(made)), tmp_path, DATASET, skip)
    assert list(found) == made[skip:]


def test_reader_ends_with_who_asks(tmp_path: Path) -> None:
    """Also in the middle of what is endless."""

    def endless(_: Path) -> Iterator[Item]:
        while True:
            yield b"", "", f"{os.getpid()}"

    _, found = apart.opened(of(endless), tmp_path, DATASET)
    reader = int(next(found)[2])
    assert psutil.pid_exists(reader)
    del found
    assert not psutil.pid_exists(reader)


def killed(number: int) -> Callable[[Path], Iterator[Item]]:
    """Two batches, and death by a signal."""

    def read(_: Path) -> Iterator[Item]:
        yield from ((b"x", "", str(n)) for n in range(2 * apart.BATCH_ITEMS))
        os.kill(os.getpid(), number)

    return read


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        (signal.SIGSEGV, IntegrityError, "not readable: it ended its reader (-11)"),
        (signal.SIGKILL, ResourceError, "was killed: most likely the memory was not enough"),
    ],
)
def test_death_of_the_reader_is_one_line(
    tmp_path: Path, number: int, kind: type[Exception], reason: str
) -> None:
    (tmp_path / "file").write_bytes(bytes(1000))
    _, found = apart.opened(of(killed(number)), tmp_path, DATASET)
    with pytest.raises(kind) as told:
        list(found)
    assert str(told.value).startswith(str(tmp_path))
    assert reason in str(told.value)


def test_reader_that_takes_much_memory_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(_: Path) -> Iterator[Item]:
        yield bytes(300 << 20)[:1], "", "x"

    assert len(list(apart.opened(of(greedy), tmp_path, DATASET)[1])) == 1
    monkeypatch.setattr(bounds, "READER_BYTES", 200 << 20)
    with pytest.raises(IntegrityError, match="its reader takes more than 200 MB"):
        list(apart.opened(of(greedy), tmp_path, DATASET)[1])


@pytest.mark.parametrize(
    ("image", "most"),
    [(b"x" * 1000, 10_000), (np.zeros((10, 10, 1), np.uint8), 1_032_000)],
    ids=["files", "pixels"],
)
def test_images_of_all_together_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: bytes, most: int
) -> None:
    """100 bytes may become 10,000 of files, or 103,200 of pixels."""
    monkeypatch.setattr(bounds, "SMALL_BYTES", 0)
    (tmp_path / "file").write_bytes(bytes(100 if isinstance(image, bytes) else 1000))
    few = most // (1000 if isinstance(image, bytes) else 100)
    for count, enough in ((few, True), (few + 1, False)):
        made = [(image, "", f"{number}") for number in range(count)]
        _, found = apart.opened(of(lambda _, made=made: iter(made)), tmp_path, DATASET)  # type: ignore[misc]
        with nullcontext() if enough else pytest.raises(IntegrityError, match="as bombs do"):
            assert len(list(found)) == count


# What formats can become


def zeros_in_parquet(raw: Path) -> None:
    """A value of 300 MB in 10 kB."""
    pq.write_table(pa.table({"image": [bytes(300 << 20)]}), raw / "x.parquet", compression="zstd")


def parquet_of_one_image(raw: Path) -> None:
    """2 GB in 11 kB: 200,000 rows of one value, which a dictionary has once."""
    indices = pa.array(np.zeros(200_000, np.int32))
    rows = pa.DictionaryArray.from_arrays(indices, pa.array([noise(100, 100).tobytes()]))
    pq.write_table(pa.table({"image": rows}), raw / "x.parquet", store_schema=False)


def parquet_of_no_images(raw: Path) -> None:
    """Ten million rows without a value."""
    rows = pa.table({"image": pa.nulls(10_000_000, pa.binary())})
    pq.write_table(rows, raw / "x.parquet")


def varint(value: int) -> bytes:
    """A whole number >= 0 as Thrift writes it."""
    bits, value = [], 2 * value
    while value > 127:
        bits.append(value & 127 | 128)
        value >>= 7
    return bytes([*bits, value])


def parquet_whose_page_lies(raw: Path) -> None:
    """A page of 10 kB whose header, unlike the file's, says that it becomes 2 GB."""
    path = raw / "x.parquet"
    table = pa.table({"image": [noise(100, 100).tobytes()]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    chunk, data = pq.read_metadata(path).row_group(0).column(0), path.read_bytes()
    end = chunk.data_page_offset + chunk.total_compressed_size
    page = data[data.index(b"\x28\xb5\x2f\xfd") : end]  # how zstd begins
    header = data[: end - len(page)]
    truth = b"\x15" + varint(10_010) + b"\x15" + varint(len(page))  # bytes, and those packed
    lie = b"\x15" + varint((1 << 31) - 1) + b"\x15" + varint(len(page) - 2)
    assert truth in header
    path.write_bytes(header.replace(truth, lie) + page[:-2] + data[end:])


def matlab_that_lies(raw: Path) -> None:
    """A file of SVHN with nothing behind the header of its images, 3 GB as that says."""
    shape = struct.pack("<6I", 6, 8, 9, 0, 5, 16) + struct.pack("<4i", 32, 32, 3, 10**6)
    start = shape + struct.pack("<II8sII", 1, 1, b"X", 2, 3_072_000_000)
    packed = zlib.compress(struct.pack("<II", 14, len(start) + 3_072_000_000) + start)
    head = b"MATLAB 5.0".ljust(124) + struct.pack("<HHII", 0x100, 0x4D49, 15, len(packed))
    (raw / "train_32x32.mat").write_bytes(head + packed)


def sparse_hdf5(raw: Path) -> None:
    """49 GB of black in some kB."""
    with h5py.File(raw / "x.h5", "w") as file:
        file.create_dataset("x", (10**6, 128, 128, 3), "u1", chunks=(1, 128, 128, 3))


def flat_tar(kind: str) -> Callable[[Path], None]:
    """A tar of 64 MB of zeros."""
    return lambda raw: write_tar(
        raw / "x.tar", {f"{n}.png": bytes(8 << 20) for n in range(8)}, f"w:{kind}"
    )


BOMBS = {
    "zeros": (zeros_in_parquet, "parquet", "to 314572"),
    "repeated": (parquet_of_one_image, "parquet", "as bombs do"),
    "nulls": (parquet_of_no_images, "parquet", "to 10000000, as bombs do"),
    "page": (parquet_whose_page_lies, "parquet", "its reader takes more than 2048 MB"),
    "array": (matlab_that_lies, "svhn", "its reader takes more than 2048 MB"),
    "sparse": (sparse_hdf5, "hdf5", "to 49152000000, as bombs do"),
    **{kind: (flat_tar(kind), "tar", "as bombs do") for kind in ("gz", "bz2", "xz")},
}


def refusals(folder: Path) -> dict[str, str]:
    return {bomb: refusal(name, folder / bomb) for bomb, (_, name, _) in BOMBS.items()}


@pytest.mark.slow
def test_bombs_are_refused_in_little_memory(tmp_path: Path) -> None:
    for bomb, (make, *_) in BOMBS.items():
        (tmp_path / bomb).mkdir()
        make(tmp_path / bomb)
        assert sum(file.stat().st_size for file in (tmp_path / bomb).iterdir()) < 300_000
    found = measured_with_children(refusals, tmp_path)
    for bomb, (*_, reason) in BOMBS.items():
        assert found.value[bomb].startswith(str(tmp_path / bomb))
        assert reason in found.value[bomb]
    assert found.peak < 700e6  # libraries in two processes


def test_idx_bomb_is_not_unpacked() -> None:
    images = np.zeros((50_000, 28, 28), np.uint8)
    with pytest.raises(IntegrityError, match="as bombs do"):
        parse(idx(images), "images", 3)
    assert parse(idx(images[:100]), "images", 3).shape == (100, 28, 28)


def lmdb_in(folder: Path) -> None:
    folder.mkdir()
    with lmdb.open(str(folder), map_size=1 << 30) as database, database.begin(write=True) as write:
        write.put(b"key", bytes(9000))


def test_zip_of_lsun_unpacks_to_what_image_files_can(tmp_path: Path) -> None:
    lmdb_in(tmp_path / "own")
    data = (tmp_path / "own" / "data.mdb").read_bytes()
    archive, target = tmp_path / "x_train_lmdb.zip", tmp_path / "x.mdb"
    for zeros in (0, 100 << 20):
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("x_train_lmdb/data.mdb", data + bytes(zeros))
        with pytest.raises(IntegrityError, match="as bombs do") if zeros else nullcontext():
            lsun.unpack(archive, tmp_path)
        assert target.exists() is (not zeros)
        target.unlink(missing_ok=True)


def test_damage_that_ends_the_process_of_lmdb_is_one_line(tmp_path: Path) -> None:
    """Values that are said to reach beyond the file, as the flag of an overflow page has it."""
    own, raw = tmp_path / "own", tmp_path / "raw"
    raw.mkdir()
    lmdb_in(own)
    data = bytearray((own / "data.mdb").read_bytes())
    node = data.index(struct.pack("<IHH", 9000, 1, 3) + b"key")
    struct.pack_into("<I", data, node, 600 << 20)
    (own / "data.mdb").write_bytes(data)
    lsun.SOURCE.fetch(Place("lsun", own, raw, lambda *_: nullcontext(lambda *_: None)))
    assert "not readable: it ended its reader (-" in refusal("lsun", raw)
