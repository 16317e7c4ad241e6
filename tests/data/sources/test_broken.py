"""Damaged, truncated and hostile instances of each format: images, or one line; bounded memory."""

import io
import struct
import tarfile
import tracemalloc
import zipfile
from contextlib import nullcontext
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crc32c import crc32c
from publishedsets import WRITERS, framed, literal_crc32c, noise, without_hashes, write_tar

from pgpipe.data.reading import tars
from pgpipe.data.reading.items import Item
from pgpipe.data.sources import obtain
from pgpipe.data.sources.source import Place, Source
from pgpipe.data.sources.table import source
from pgpipe.errors import IntegrityError

FORMATS = sorted(WRITERS.keys() - {"folder", "zip", "celeba-hq", "ffhq", "fashion-mnist"})


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like data/raw; no hash of a published file is asked for."""
    monkeypatch.setattr(obtain, "entries", without_hashes)
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def fetched(name: str, raw: Path) -> Path:
    """Fill data/raw with a set; its largest file."""
    (raw.parent / "own").mkdir()
    WRITERS[name](raw.parent / "own")
    watch = lambda *_: nullcontext(lambda *_: None)  # noqa: E731
    source(name).fetch(Place(name, raw.parent / "own", raw, watch))
    return max(raw.iterdir(), key=lambda file: file.stat().st_size)


def outcome(name: str, raw: Path) -> list[Item] | str:
    """The images, or why there are none."""
    try:
        found = source(name)
        assert isinstance(found, Source)
        return list(found.read(raw))
    except IntegrityError as error:
        return str(error)


def refusal(name: str, raw: Path) -> str:
    """Why there are no images, in one line, found in little memory."""
    tracemalloc.start()
    found = outcome(name, raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(found, str)
    assert found.startswith(str(raw))
    assert "\n" not in found
    assert peak < 20e6
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_truncated_files_are_refused(name: str, raw: Path) -> None:
    file = fetched(name, raw)
    whole, known = file.read_bytes(), len(outcome(name, raw))
    for share in (0, 0.001, 0.3):
        file.write_bytes(whole[: int(share * len(whole))])
        assert refusal(name, raw)
    for share in (0.7, 0.99):  # maybe of a tar's padding, or behind the members that are read
        file.write_bytes(whole[: int(share * len(whole))])
        found = outcome(name, raw)
        assert isinstance(found, str) or len(found) == known


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "lsun"])
def test_wrong_bytes_end_in_images_or_in_one_line(name: str, raw: Path) -> None:
    file = fetched(name, raw)
    whole, draw = np.frombuffer(file.read_bytes(), np.uint8), np.random.default_rng(0)
    for trial in range(25):
        data = whole.copy()
        within = (len(data), 512)[trial % 2]  # half of them at the start, where headers are
        places = draw.integers(0, within, draw.integers(1, 6))
        data[places] = draw.integers(0, 256, len(places))
        file.write_bytes(data.tobytes())
        found = outcome(name, raw)
        if isinstance(found, str):
            assert found.startswith(str(raw))
            assert found.isprintable()
        else:
            assert all(isinstance(image, bytes) or image.dtype == np.uint8 for image, *_ in found)


# Tars


def test_damaged_header_in_the_middle_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    write_tar(path, {"a": b"1", "b": b"2", "c": b"3"}, "w")
    data = bytearray(path.read_bytes())
    data[2 * 512 + 100] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="bad checksum, where a header or the end should be"):
        list(tars.members(path))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_is_read_whatever_packed_it(tmp_path: Path, mode: str) -> None:
    files = {"a" * 150: b"1" * 1000, ".hidden": b"", "b/c": b"2" * 512}
    write_tar(tmp_path / "x.tar", files, mode)
    expected = [(name, data) for name, data in files.items() if name != ".hidden"]
    assert list(tars.members(tmp_path / "x.tar")) == expected


def test_links_and_devices_of_a_tar_are_not_files(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"x{ord(kind)}")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert list(tars.members(tmp_path / "x.tar")) == []


def huge_member(size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo("jpg/image_00001.jpg")
    info.size, info.type = size, kind
    return info.tobuf() + bytes(4 << 20)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (huge_member(1 << 40), "1099511627776 bytes, at most 536870912 are read"),
        (huge_member(1 << 30, tarfile.XHDTYPE), "a header of 1073741824 bytes"),
        (huge_member(1 << 30, tarfile.GNUTYPE_LONGNAME), "a header of 1073741824 bytes"),
    ],
)
def test_tar_that_announces_much_is_refused(raw: Path, data: bytes, reason: str) -> None:
    (raw / "x.tar").write_bytes(data)
    assert reason in refusal("webdataset", raw)


# Arrays


def header_of(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    buffer = io.BytesIO()
    description = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, description)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (header_of((1 << 40, 8, 8, 3)) + bytes(192), "cannot reshape array of size 0"),
        (header_of((1, 1 << 20, 1 << 20, 3)), "have no pixels, or more than"),
        (header_of((2, 8, 8, 5)), r"are not [H, W], [H, W, C] or [C, H, W]"),
        (header_of((2, 3, 8, 3)), r"are not [H, W], [H, W, C] or [C, H, W]"),
        (header_of((2, 8, 8), "<f4"), "float32 of shape (2, 8, 8) is no uint8 array"),
        (header_of((2,), "|O") + b"cos\nsystem\n(S'id'\ntR.", "an array of objects"),
        (b"no array at all", "magic string is not correct"),
    ],
)
def test_npy_that_is_no_images_is_refused(raw: Path, data: bytes, reason: str) -> None:
    (raw / "x.npy").write_bytes(data)
    assert reason in refusal("npz", raw)


def test_npz_bomb_is_read_an_image_at_a_time(raw: Path) -> None:
    with zipfile.ZipFile(raw / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", header_of((100, 512, 512, 3)) + bytes(100 << 19))
        archive.writestr("labels.npy", header_of((1 << 40,), "<i8"))
    assert "'labels' of shape (1099511627776,): 8796093022208 bytes, at most" in refusal("npz", raw)


@pytest.mark.parametrize("labels", [np.arange(5), np.arange(6.0), np.full(6, -1)])
def test_labels_that_do_not_fit_are_refused(raw: Path, labels: np.ndarray) -> None:
    np.savez(raw / "x.npz", images=noise(6, 8, 8, 3), labels=labels)
    assert "labels" in refusal("npz", raw)


def test_hdf5_reads_no_other_file(raw: Path) -> None:
    (raw / "secret").write_bytes(bytes(range(192)))
    with h5py.File(raw / "x.h5", "w") as file:
        file.create_dataset("a", (1, 8, 8, 3), "u1", external=[(str(raw / "secret"), 0, 192)])
        layout = h5py.VirtualLayout((1, 8, 8, 3), "u1")
        layout[:] = h5py.VirtualSource(str(raw / "other.h5"), "x", (1, 8, 8, 3))
        file.create_virtual_dataset("b", layout)
        file["c"] = h5py.SoftLink("/a")
    assert "no uint8 array of 3 or 4 axes" in refusal("hdf5", raw)


def test_hdf5_that_announces_many_labels_is_refused(raw: Path) -> None:
    with h5py.File(raw / "x.h5", "w") as file:
        file["images"] = noise(2, 8, 8, 3)
        file.create_dataset("labels", (1 << 40,), "i8", chunks=(1024,))
    assert "'/labels' of shape (1099511627776,): 8796093022208 bytes, at most" in refusal(
        "hdf5", raw
    )


# TFRecords


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 255, 256, 257, 513, 2048, 5000])
def test_crc32c_is_that_of_a_bit_at_a_time(length: int) -> None:
    data = noise(5000).tobytes()[:length]
    assert crc32c(data) == literal_crc32c(data)
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720's check value


@pytest.mark.parametrize("place", [0, 8, 12, 40, -1])
def test_wrong_bit_of_a_record_is_found(raw: Path, place: int) -> None:
    file = fetched("tfrecords", raw)
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert "a record is damaged (CRC-32C)" in refusal("tfrecords", raw)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (framed(b""), "a record without shape and data"),
        (framed(b"\x0a\xff\xff\xff\xff\x7f"), "an Example is cut off"),
        (framed(b"\x0a" + b"\xff" * 30), "an Example has a number without end"),
        (framed(b"\x0b\x00"), "a field of kind 3"),
        (struct.pack("<Q", 5) + bytes(4), "a record is damaged"),
    ],
)
def test_records_that_are_no_images_are_refused(raw: Path, data: bytes, reason: str) -> None:
    (raw / "x-r04.tfrecords").write_bytes(data)
    assert reason in refusal("tfrecords", raw)


def test_as_many_labels_as_images(raw: Path) -> None:
    fetched("tfrecords", raw)
    for count in (5, 7):
        with (raw / "mine-rxx.labels").open("wb") as file:
            np.save(file, np.eye(count, dtype=np.float32))
        assert "labels" in refusal("tfrecords", raw)


# Parquet


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"text": ["a"]}, "0 columns hold images, expected 1"),
        ({"a": [b"x"], "b": [b"y"]}, "2 columns hold images, expected 1"),
        ({"image": [{"bytes": None, "path": "/etc/passwd"}]}, "0 columns hold images"),
        ({"image": [b"x", None]}, "an image without bytes"),
        ({"image": [b"x"], "label": [-2]}, "label -2 is none of 0 classes"),
    ],
)
def test_table_that_is_no_images_is_refused(
    raw: Path, columns: dict[str, list[object]], reason: str
) -> None:
    pq.write_table(pa.table(columns), raw / "x.parquet")
    assert reason in refusal("parquet", raw)
