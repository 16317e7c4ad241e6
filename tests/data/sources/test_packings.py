"""A published set in other packings: known by its content, refused, or taken all the same."""

import gzip
import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from publishedsets import WRITERS, Known

from pgpipe.data.reading import tars
from pgpipe.data.sources import catalogue, obtain, unverified
from pgpipe.data.sources.catalogue import Published
from pgpipe.data.sources.source import Place, Source
from pgpipe.data.sources.table import source
from pgpipe.errors import IntegrityError


def published(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Known:
    """Write a tiny set to a folder; the catalogue knows all of it, as of the real one."""
    folder.mkdir()
    known = WRITERS[name](folder)
    entry, files = catalogue.entries()[name], {}
    for file, of_real in entry.files.items():
        data = (folder / file).read_bytes()
        own: dict[str, Any] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        if of_real.content:
            own["content"] = hashlib.sha256(gzip.decompress(data)).hexdigest()
        if of_real.members:
            members = {n: d for n, d in untarred(data).items() if n in of_real.members}
            own["members"] = {n: hashlib.new("sha1", d).hexdigest() for n, d in members.items()}  # noqa: S324 - which is published
        files[file] = Published(**own, folder=of_real.folder)
    changed = {name: entry.model_copy(update={"files": files, "mirrors": ()})}
    monkeypatch.setattr(obtain, "entries", lambda: changed)
    return known


def untarred(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: file.read() for m in archive if (file := archive.extractfile(m))}


def fetched(name: str, path: Path, *, verify: bool = True, linked: bool = False) -> list[object]:
    """What is read of a user's files: images and labels."""
    raw = path.parent / "raw"
    raw.mkdir(exist_ok=True)
    found = source(name)
    assert isinstance(found, Source)
    found.fetch(Place(name, path, raw, lambda *_: nullcontext(print), linked, verify))
    return [(np.asarray(image).tolist(), label) for image, label, _ in found.read(raw)]


def same(known: Known) -> list[object]:
    return [(np.asarray(image).tolist(), label) for image, label in known]


# Other packings of the same


def another_header(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()), 1, mtime=77))


def without_gzip(folder: Path) -> None:
    for file in [*folder.iterdir()]:
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()


def as_kaggle(folder: Path) -> None:
    without_gzip(folder)
    for file in [*folder.iterdir()]:
        file.rename(folder / file.name.replace("-idx", ".idx"))


def with_dots(folder: Path) -> None:
    """As `tar czf ARCHIVE ./FOLDER` packs it."""
    (file,) = folder.iterdir()
    files = untarred(file.read_bytes())
    with tarfile.open(file, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def as_folder(folder: Path) -> None:
    (file,) = folder.iterdir()
    for name, data in untarred(file.read_bytes()).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    file.unlink()


IDX = [another_header, without_gzip, as_kaggle]
TAR = [another_header, without_gzip, with_dots, as_folder]


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize(
    ("name", "pack"),
    [
        *((name, pack) for name in ("mnist", "fashion-mnist") for pack in IDX),
        *((name, pack) for name in ("cifar10", "cifar100") for pack in TAR),
    ],
)
def test_same_content_in_another_packing_is_taken(
    name: str,
    pack: Callable[[Path], None],
    linked: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = published(name, tmp_path / "own", monkeypatch)
    pack(tmp_path / "own")
    assert fetched(name, tmp_path / "own", linked=linked) == same(known)
    assert unverified.read(tmp_path / "raw") == []


# Another content


def changed(folder: Path) -> None:
    """One pixel of another set, in a sound archive."""
    file = next(file for file in sorted(folder.iterdir()) if "labels" not in file.name)
    data = bytearray(gzip.decompress(file.read_bytes()))
    data[data.find(b"data_batch_2.bin") + 1000] ^= 1
    file.write_bytes(gzip.compress(data))


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10"])
def test_another_content_is_refused_or_taken_on_demand_and_noted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = published(name, tmp_path / "own", monkeypatch)
    changed(tmp_path / "own")
    with pytest.raises(IntegrityError, match=r"; dataset\.verify: false takes it all the same$"):
        fetched(name, tmp_path / "own")
    assert len(fetched(name, tmp_path / "own", verify=False)) == len(known)
    (told,) = unverified.read(tmp_path / "raw")
    assert told.startswith(f"dataset.verify is false, and so was taken: {tmp_path}/own/")


def test_unpacked_folder_without_known_hashes_is_taken_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = published("stl10", tmp_path / "own", monkeypatch)
    as_folder(tmp_path / "own")
    with pytest.raises(IntegrityError, match="stl10_binary: not known to be what was published"):
        fetched("stl10", tmp_path / "own")
    assert fetched("stl10", tmp_path / "own" / "stl10_binary", verify=False) == same(known)


def test_bomb_is_no_published_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published("mnist", tmp_path / "own", monkeypatch)
    file = tmp_path / "own/train-images-idx3-ubyte.gz"
    file.write_bytes(gzip.compress(bytes(8 << 20)))
    with pytest.raises(IntegrityError, match="bytes, not"):
        fetched("mnist", tmp_path / "own")


def test_unpacked_archive_is_packed_with_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    for name in ("a/z", "a/b/y", "a/.hidden"):
        (tmp_path / name).write_bytes(name.encode())
    tars.pack(tmp_path / "a", tmp_path / "1.tar")
    shutil.copytree(tmp_path / "a", tmp_path / "copy/a")
    tars.pack(tmp_path / "copy/a", tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    assert dict(tars.members(tmp_path / "1.tar")) == {"a/b/y": b"a/b/y", "a/z": b"a/z"}
