"""A user's folder or zip, from its packing to squares with labels; archives that are not sound."""

import io
import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pgpipe.data.reading import bounds, folder, rawzip
from pgpipe.errors import IntegrityError, UsageError


def png(level: int = 77) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (6, 5), level).save(buffer, "PNG")
    return buffer.getvalue()


def fill(root: Path, *names: str, data: bytes = b"") -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data or png())
    return root


def zipped(path: Path, *names: str, method: int = zipfile.ZIP_STORED, data: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in names:
            archive.writestr(name, data or png())
    return path


def read(archive: Path) -> list[tuple[str, str]]:
    """(label, name) of each image."""
    return [(label, name) for _, label, name in folder.read(archive)]


# The format: data/raw/images.zip


def test_pack_and_members_are_a_pair(tmp_path: Path) -> None:
    (tmp_path / "held").write_bytes(b"from a file")
    archive = tmp_path / "made" / "images.zip"
    rawzip.pack([("b/ü.png", tmp_path / "held"), ("a.png", b"from bytes")], archive)
    assert list(rawzip.members(archive)) == [("a.png", b"from bytes"), ("b/ü.png", b"from a file")]
    assert rawzip.names(archive) == ["a.png", "b/ü.png"]
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert {info.compress_type for info in opened.infolist()} == {zipfile.ZIP_STORED}


def test_pack_is_deterministic_in_bytes(tmp_path: Path) -> None:
    contents = [(f"{index:03d}", bytes([index]) * index) for index in range(50)]
    paths: list[tuple[str, bytes | Path]] = []
    for name, data in contents:
        file = tmp_path / name
        file.write_bytes(data)
        file.chmod(0o600)
        os.utime(file, (1e9, 1e9))
        paths.append((name, file))
    rawzip.pack(contents, tmp_path / "1.zip")
    rawzip.pack(reversed(paths), tmp_path / "2.zip")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    info = zipfile.ZipFile(tmp_path / "1.zip").infolist()[0]
    assert info.date_time == (1980, 1, 1, 0, 0, 0)
    assert info.external_attr >> 16 == stat.S_IFREG | 0o644


def test_pack_leaves_nothing_where_it_fails(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[str, bytes]]:
        yield "a", b""
        raise IntegrityError("stop")

    with pytest.raises(IntegrityError, match="stop"):
        rawzip.pack(broken(), tmp_path / "images.zip")
    assert list(tmp_path.iterdir()) == []


def test_members_skip_folders_links_and_hidden_files(tmp_path: Path) -> None:
    hidden = [".DS_Store", "__MACOSX/a.png", "a/.gitkeep", ".git/x", "a\\.hidden", "./.x"]
    archive = zipped(tmp_path / "x.zip", "b.png", "a/1.png", *hidden)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("folder/", b"")
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, b"/etc/passwd")
    assert [name for name, _ in rawzip.members(archive)] == ["a/1.png", "b.png"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b.png", ["a", "b.png"]),
        ("/etc/x.png", ["etc", "x.png"]),
        ("../../x.png", ["x.png"]),
        ("./a//x.png", ["a", "x.png"]),
        ("C:\\a\\x.png", ["a", "x.png"]),
        ("..\\..\\a\\..\\x.png", ["a", "x.png"]),
    ],
)
def test_names_lose_roots_and_steps(name: str, expected: list[str]) -> None:
    assert rawzip.parts(name) == expected


@pytest.mark.parametrize("data", [b"", b"text", b"PK\x03\x04", b"PK\x05\x06" + bytes(17)])
def test_no_zip_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(IntegrityError, match=r"x\.zip: not a readable zip: \w"):
        list(rawzip.members(tmp_path / "x.zip"))


def test_truncation_is_found_at_any_length(tmp_path: Path) -> None:
    data = zipped(tmp_path / "x.zip", "a.png", "b.png").read_bytes()
    for length in range(0, len(data), 5):
        (tmp_path / "x.zip").write_bytes(data[:length])
        with pytest.raises(IntegrityError, match=r"x\.zip"):
            list(rawzip.members(tmp_path / "x.zip"))


def test_wrong_checksum_names_the_member(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", "a.png", "b.png")
    data = bytearray(archive.read_bytes())
    data[data.index(b"IDAT", data.index(b"b.png")) + 5] ^= 1
    archive.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"x\.zip: 'b\.png': .*CRC"):
        list(rawzip.members(archive))


def outcome(archive: Path) -> list[bytes] | str:
    """The contents, or why there are none."""
    try:
        return [content for _, content in rawzip.members(archive)]
    except IntegrityError as error:
        return str(error)


def test_wrong_bytes_end_in_contents_or_in_an_integrity_error(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", "a.png", "b/c.png", method=zipfile.ZIP_DEFLATED)
    whole = np.frombuffer(archive.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(300):
        data = whole.copy()
        places = rng.integers(0, len(data), rng.integers(1, 6))
        data[places] = rng.integers(0, 256, len(places))
        archive.write_bytes(data.tobytes())
        result = outcome(archive)
        if isinstance(result, str):
            assert "x.zip: " in result
            assert result.isprintable()
        else:
            assert set(result) <= {png()}


def test_encrypted_member_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", "a.png")
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    archive.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"'a\.png': .*encrypted"):
        list(rawzip.members(archive))


def test_bombs_are_refused_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = bytes(4 << 20)
    archive = zipped(tmp_path / "x.zip", "a.png", method=zipfile.ZIP_DEFLATED, data=zeros)
    with pytest.raises(IntegrityError, match=r"'a\.png': .*as bombs do"):
        list(rawzip.members(archive))
    archive = zipped(tmp_path / "y.zip", "a.png", data=zeros)
    assert len(dict(rawzip.members(archive))["a.png"]) == len(zeros)
    monkeypatch.setattr(bounds, "ITEM_BYTES", 4_000_000)
    with pytest.raises(IntegrityError, match=r"4194304 bytes, at most 4000000"):
        list(rawzip.members(archive))


def test_declared_size_that_lies_is_found(tmp_path: Path) -> None:
    zeros = bytes(4 << 20)
    archive = zipped(tmp_path / "x.zip", "a.png", method=zipfile.ZIP_DEFLATED, data=zeros)
    data = bytearray(archive.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 1000)
    archive.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"'a\.png'"):
        list(rawzip.members(archive))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_compressions_are_refused(tmp_path: Path, method: int) -> None:
    archive = zipped(tmp_path / "x.zip", "a.png", method=method)
    with pytest.raises(IntegrityError, match="neither stored nor deflated"):
        list(rawzip.members(archive))


# The data set: fetch


def test_folder_is_packed_with_everything_visible(tmp_path: Path) -> None:
    own = fill(tmp_path / "own", "b/2.png", "a/1.png", "top.jpg", ".hidden", ".git/x", "a/.y")
    (own / "notes.txt").write_text("not an image")
    (tmp_path / "elsewhere.png").write_bytes(b"linked")
    (own / "a" / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (own / "loop").symlink_to(own)
    os.mkfifo(own / "pipe.png")
    folder.fetch(own, tmp_path / "images.zip")
    found = dict(rawzip.members(tmp_path / "images.zip"))
    assert list(found) == ["a/1.png", "a/link.png", "b/2.png", "notes.txt", "top.jpg"]
    assert found["a/link.png"] == b"linked"


def test_links_to_folders_are_followed_but_not_in_a_circle(tmp_path: Path) -> None:
    own = fill(tmp_path / "own", "cat/1.png", "cat/deep/2.png")
    fill(tmp_path / "elsewhere", "3.png", "more/4.png")
    (own / "dog").symlink_to(tmp_path / "elsewhere")
    (own / "cat/again").symlink_to(own)
    (own / "cat/up").symlink_to("..")
    (tmp_path / "elsewhere/more/back").symlink_to(tmp_path / "elsewhere")
    (own / "wolf").symlink_to("dog")
    every = ["cat/1.png", "cat/deep/2.png", "dog/3.png", "dog/more/4.png"]
    every += ["wolf/3.png", "wolf/more/4.png"]
    assert folder.names(own) == every
    folder.fetch(own, tmp_path / "images.zip")
    assert rawzip.names(tmp_path / "images.zip") == every
    link = tmp_path / "a link to the whole"
    link.symlink_to(own)
    assert folder.names(link) == every


@pytest.mark.parametrize("target", ["nowhere", "dangling"])
def test_link_to_nothing_is_told(target: str, tmp_path: Path) -> None:
    """Else a class whose disk is not mounted would be gone without a word."""
    own = fill(tmp_path / "own", "cat/1.png")
    (own / "dangling").symlink_to(target)
    with pytest.raises(UsageError, match=r"own/dangling: a link to nothing; mend or remove it$"):
        folder.fetch(own, tmp_path / "images.zip")


def test_links_in_a_zip_are_told(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", "cat/1.png", "dog/2.png")
    with zipfile.ZipFile(archive, "a") as opened:
        for name in ("wolf", ".hidden"):
            link = zipfile.ZipInfo(name)
            link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            opened.writestr(link, b"dog")
    (told,) = folder.survey(archive).unread
    assert told.startswith("links in the archive are not followed: 1, the first is 'wolf'; ")


def test_folder_gives_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    for place in ("one", "two/deeper"):
        fill(tmp_path / place, "a/1.png", "b.png")
        folder.fetch(tmp_path / place, tmp_path / place / "../out.zip")
    assert (tmp_path / "out.zip").read_bytes() == (tmp_path / "two" / "out.zip").read_bytes()


def test_zip_is_copied_as_it_is(tmp_path: Path) -> None:
    own = zipped(tmp_path / "OWN.ZIP", "a/1.png", "b/2.png", method=zipfile.ZIP_DEFLATED)
    folder.fetch(own, tmp_path / "raw" / "images.zip")
    copy = tmp_path / "raw" / "images.zip"
    assert copy.read_bytes() == own.read_bytes()
    assert copy.stat().st_ino != own.stat().st_ino  # the user's file stays the user's


def test_corrupt_zip_is_not_copied(tmp_path: Path) -> None:
    own = zipped(tmp_path / "own.zip", "a.png")
    own.write_bytes(own.read_bytes().replace(b"IDAT", b"IDAX"))
    with pytest.raises(IntegrityError, match=r"own\.zip: 'a\.png'"):
        folder.fetch(own, tmp_path / "images.zip")
    assert not (tmp_path / "images.zip").exists()


def missing(own: Path) -> None:
    pass


def empty(own: Path) -> None:
    own.mkdir()


def only_hidden(own: Path) -> None:
    fill(own, ".gitkeep", ".DS_Store")


def one_image(own: Path) -> None:
    own.write_bytes(png())


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (missing, "no such folder or .zip"),
        (empty, "no files in it"),
        (only_hidden, "no files in it"),
        (one_image, "neither a folder nor a .zip"),
    ],
)
def test_nothing_to_take_says_what_to_do(tmp_path: Path, make: Any, found: str) -> None:
    own = tmp_path / "own"
    make(own)
    with pytest.raises(UsageError) as caught:
        folder.fetch(own, tmp_path / "images.zip")
    advice = "put images into data/own, or set dataset.path"
    assert str(caught.value) == f"{own}: {found}; {advice}"
    assert not (tmp_path / "images.zip").exists()


def test_zip_without_files_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"own\.zip: no files in it; put images"):
        folder.fetch(zipped(tmp_path / "own.zip", "a/", ".DS_Store"), tmp_path / "images.zip")


def test_unreadable_file_is_the_users_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = fill(tmp_path / "own", "a.png")

    def pack(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(own / "a.png"))

    monkeypatch.setattr(rawzip, "pack", pack)
    with pytest.raises(UsageError, match=r"own/a\.png: Permission denied"):
        folder.fetch(own, tmp_path / "images.zip")


def test_name_that_is_not_utf8_is_the_users_error(tmp_path: Path) -> None:
    own = fill(tmp_path / "own", os.fsdecode(b"caf\xe9.png"))
    with pytest.raises(UsageError, match=r"own: 'caf.udce9\.png' is not a UTF-8 name"):
        folder.fetch(own, tmp_path / "images.zip")


def test_a_backslash_in_a_name_is_the_users_error(tmp_path: Path) -> None:
    """Packed, it would part a class from its images."""
    own = fill(tmp_path / "own", "a\\b/1.png", "c/2.png")
    with pytest.raises(UsageError, match=r"own/a.b/1\.png: a backslash"):
        folder.fetch(own, tmp_path / "images.zip")


# The data set: read


def test_files_come_as_they_are_in_the_order_of_names(tmp_path: Path) -> None:
    rawzip.pack([("b.png", png(20)), ("a.txt", b"no image")], tmp_path / "x.zip")
    assert list(folder.read(tmp_path / "x.zip")) == [
        (b"no image", "", "a.txt"),
        (png(20), "", "b.png"),
    ]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["cats", "dogs"], ["cats/1.png", "dogs/1.png"]),
        (["cats", "cats", "dogs"], ["cats/deep/1.png", "cats/x.png", "dogs/1.png"]),
        (["", ""], ["cats/1.png", "top.png"]),
        (["", ""], ["1.png", "2.png"]),
        (["", ""], ["own/1.png", "own/2.png"]),
        (["cats", "dogs"], ["own/cats/1.png", "own/dogs/1.png"]),
        (["", ""], ["own/cats/1.png", "own/top.png"]),
        (["cats", "dogs", ""], ["own/cats/1.png", "own/dogs/1.png", "own/top.png"]),
        (["", ""], ["own/cats/deep/1.png", "own/cats/deep/2.png"]),
        (["a", "b"], ["own/cats/a/1.png", "own/cats/b/2.png"]),
        (["", ""], ["../1.png", "/evil/2.png"]),
        (["cats", "dogs"], ["own\\cats\\1.png", "own\\dogs\\1.png"]),
    ],
)
def test_label_is_the_first_folder_below_a_common_top(
    tmp_path: Path, labels: list[str], names: list[str]
) -> None:
    found = read(zipped(tmp_path / "x.zip", *names))
    assert found == list(zip(labels, sorted(names), strict=True))


def test_hidden_files_do_not_hide_the_common_top(tmp_path: Path) -> None:
    names = ["own/cats/1.png", "own/dogs/2.png", "__MACOSX/own/._1.png", ".DS_Store", "Thumbs.db"]
    assert read(zipped(tmp_path / "x.zip", *names)) == [
        ("cats", "own/cats/1.png"),
        ("dogs", "own/dogs/2.png"),
    ]
