"""Files are written whole or not at all."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pgpipe.errors import ResourceError, UsageError
from pgpipe.plumbing.files import (
    atomic,
    copy,
    fresh_folder,
    is_litter,
    link_or_copy,
    reserve,
    write_array,
    write_bytes,
    write_json,
)
from pgpipe.plumbing.sealed import read_json


def fail_with(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)


# Written whole or not at all


def test_content_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "file"
    with atomic(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"


def write_half(path: Path, error: BaseException) -> None:
    with atomic(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyboardInterrupt(), OSError(5, "x")])
def test_exception_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with pytest.raises(type(error)):
        write_half(path, error)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_overwritten_whatever_else_the_folder_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unread(*_: object) -> None:
        raise AssertionError("takes the longer the more files there are")

    path, litter = tmp_path / "file", tmp_path / ".file.pgpipe.tmp"
    litter.write_bytes(b"longer than what comes")
    assert is_litter(litter)
    with monkeypatch.context() as patch:
        for name in ("scandir", "listdir"):
            patch.setattr(os, name, unread)
        write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_writers_of_one_file_take_turns(tmp_path: Path) -> None:
    path, contents = tmp_path / "file", [bytes([n]) * 1000 * n for n in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_bytes(path, content), contents * 20))
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_being_written_is_no_litter(tmp_path: Path) -> None:
    with atomic(tmp_path / "file") as file:
        assert not is_litter(Path(file.name))
    assert not is_litter(Path(file.name)), "it has its name by now"


def test_readers_of_the_old_content_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with path.open("rb") as reader:
        write_bytes(path, b"new")
        assert reader.read() == b"old"


def test_a_link_into_a_cache_is_replaced_not_written_through(tmp_path: Path) -> None:
    cached = tmp_path / "cached"
    cached.write_bytes(b"precious")
    (tmp_path / "hard").hardlink_to(cached)
    (tmp_path / "soft").symlink_to(cached)
    for name in ("hard", "soft"):
        write_bytes(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new"
    assert cached.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["", ".", "/", "folder", "pipe", "/dev/none", "/proc/self/fd/1"])
def test_what_is_no_file_is_refused_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    os.mkfifo("pipe")
    with pytest.raises(UsageError, match="where a file has to be"):
        write_bytes(Path(name), b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]
    assert Path("pipe").is_fifo()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_the_users_error_and_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    fail_with(number, monkeypatch)
    with pytest.raises(
        ResourceError, match=r"file: the disk is full \(3 bytes needed, [\d,]+ free\)"
    ):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_needed_is_reserved_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    began = []
    with (
        pytest.raises(ResourceError, match=r"file: the disk is full \(1,234,567 bytes needed, "),
        atomic(tmp_path / "file", 1_234_567),
    ):
        began.append(True)
    assert not began
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 1, 5, 9000])
def test_a_reserved_size_that_was_not_needed_leaves_no_zeros(tmp_path: Path, size: int) -> None:
    with atomic(tmp_path / "file", size) as file:
        file.write(b"12345")
    assert (tmp_path / "file").read_bytes() == b"12345"


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_cannot_reserve_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_reserved_bytes_take_their_place_on_the_disk(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        reserve(file, 1 << 20)
    assert (tmp_path / "file").stat().st_blocks * 512 >= 1 << 20


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int64),
        np.zeros((0, 3), np.float32),
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4)[:, ::2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(3.5),
    ],
    ids=["vector", "empty", "strided", "fortran", "scalar"],
)
def test_an_array_is_the_bytes_that_numpy_saves(
    tmp_path: Path, array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]"
) -> None:
    np.save(tmp_path / "numpy.npy", array)
    write_array(tmp_path / "ours.npy", array)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()


def test_a_copy_has_the_content(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"content")
    copy(tmp_path / "one", tmp_path / "folder" / "two")
    assert (tmp_path / "folder" / "two").read_bytes() == b"content"


def test_another_error_of_the_disk_passes_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(errno.EIO, monkeypatch)
    with pytest.raises(OSError, match="Input/output error"):
        write_bytes(tmp_path / "file", b"new")


def test_json_comes_back(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None, True], "a": {"é": "ß\n\u2028"}}
    write_json(tmp_path / "file", value)
    assert read_json(tmp_path / "file") == value
    assert (tmp_path / "file").read_text().endswith("}\n")


# Links and folders


def test_second_name_of_a_file_takes_no_space(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "folder" / "target"
    source.write_bytes(b"content")
    link_or_copy(source, target)
    assert target.samefile(source)


def test_second_name_replaces_what_stood_there(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"content")
    target.write_bytes(b"old")
    link_or_copy(source, target)
    assert target.read_bytes() == b"content"


def test_content_is_copied_where_links_are_not_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", link)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"content" * 500_000)
    link_or_copy(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert not target.samefile(source)


def test_second_name_of_a_link_into_a_cache_has_its_content(tmp_path: Path) -> None:
    (tmp_path / "cached").write_bytes(b"content")
    (tmp_path / "source").symlink_to(tmp_path / "cached")
    link_or_copy(tmp_path / "source", tmp_path / "folder" / "target")
    assert (tmp_path / "folder" / "target").read_bytes() == b"content"


def test_fresh_folder_is_empty(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "file").write_text("x")
    assert list(fresh_folder(tmp_path / "folder").iterdir()) == []


def test_fresh_folder_replaces_whatever_stood_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    for name in ("file", "link"):
        assert list(fresh_folder(tmp_path / name).iterdir()) == []
    assert (tmp_path / "kept" / "file").exists()
