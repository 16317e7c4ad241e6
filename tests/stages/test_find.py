"""The stage find lists what download takes, and writes the same bytes until that changes."""

import gzip
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from publishedsets import WRITERS, cifar10, mnist
from tinyparams import with_values
from tinyproject import Run

from pgpipe.data.sources import obtain
from pgpipe.data.sources.catalogue import Published, entries
from pgpipe.errors import IntegrityError, PgpipeError
from pgpipe.plumbing import filehashes
from pgpipe.plumbing.hashes import sha256_file
from stages import download, find
from stages.paths import FOUND, RAW

STRANGERS = ("README.md", "more/notes.txt", ".hidden.csv", ".cache/x.png")
BESIDE = ("labels.csv", "names.txt", "dataset.json")


def choose(name: str, path: str = "own", resolution: int = 32) -> None:
    """Take a data set from the folder `own` of the current one."""
    values = {"name": name, "path": path, "resolution": resolution, "verify": False}
    document = with_values(**{f"dataset__{key}": value for key, value in values.items()})
    Path("params.yaml").write_text(json.dumps(document))


def found() -> Any:
    """What find writes."""
    find.run()
    return json.loads(FOUND.read_text())


def downloaded() -> dict[str, str] | str:
    """The hashes of what download leaves, or what it says."""
    try:
        download.run()
    except PgpipeError as error:
        return str(error)
    return {file.name: sha256_file(file) for file in RAW.rglob("*") if file.is_file()}


def without_mirrors() -> Any:
    """The catalogue without hashes and without a place to fetch from."""
    return {
        name: entry.model_copy(
            update={
                "mirrors": (),
                "files": {n: Published(folder=file.folder) for n, file in entry.files.items()},
            }
        )
        for name, entry in entries().items()
    }


def unpacked_mnist(folder: Path) -> None:
    """MNIST's files as a user may have unpacked them."""
    mnist(folder)
    for file in [*folder.iterdir()]:
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()


def unpacked_cifar10(folder: Path) -> None:
    """CIFAR-10's folder as a user may have unpacked it."""
    cifar10(folder)
    with tarfile.open(folder / "cifar-10-binary.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    (folder / "cifar-10-binary.tar.gz").unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write"),
    [
        *WRITERS.items(),
        ("mnist-1k", mnist),
        ("fashion-mnist", unpacked_mnist),
        ("cifar10", unpacked_cifar10),
    ],
)
def test_what_is_listed_is_what_download_takes(
    name: str,
    write: Callable[[Path], object],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file is listed if, and only if, download does not do the same without it."""
    monkeypatch.setattr(obtain, "entries", without_mirrors)
    own = project / "own"
    own.mkdir()
    write(own)
    for stranger in (*STRANGERS, *BESIDE, "small.tfrecords" if "records" in name else "x.bin"):
        (own / stranger).parent.mkdir(exist_ok=True)
        (own / stranger).write_text("{}")
    choose(name)
    with_all, listed = downloaded(), {row[0] for row in found()[name]}
    assert listed
    assert isinstance(with_all, dict)
    for file in [path for path in own.rglob("*") if path.is_file()]:
        file.rename(project / "aside")
        assert (downloaded() != with_all) == (file.relative_to(own).as_posix() in listed), file
        (project / "aside").rename(file)


@pytest.fixture
def images(project: Path) -> Path:
    """Two small files as the user's own images; their content does not matter here."""
    for name, content in ("a/0.png", b"one"), ("b/1.png", b"other"):
        (project / "own" / name).parent.mkdir(parents=True)
        (project / "own" / name).write_bytes(content)
    choose("folder")
    return project / "own"


def test_it_names_files_with_sizes_and_hashes(images: Path) -> None:
    rows = [["a/0.png", 3, sha256_file(images / "a/0.png")]]
    assert found() == {"folder": [*rows, ["b/1.png", 5, sha256_file(images / "b/1.png")]]}


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda own: (own / "a/0.png").write_bytes(b"two"), True),
        (lambda own: (own / "a/0.png").write_bytes(b"on"), True),
        (lambda own: (own / "a/2.png").write_bytes(b"new"), True),
        (lambda own: (own / "a/0.png").unlink(), True),
        (lambda own: (own / "a/0.png").rename(own / "a/2.png"), True),
        (lambda own: (own / "a").rename(own / "c"), True),
        (lambda own: os.utime(own / "a/0.png", (1, 1)), False),
        (lambda own: (own / "a/0.png").chmod(0o600), False),
        (lambda own: (own / ".DS_Store").write_bytes(b"none of the user's"), False),
    ],
)
def test_it_changes_with_the_files_alone(
    images: Path, change: Callable[[Path], object], differs: bool
) -> None:
    find.run()
    before = FOUND.read_bytes()
    find.run()
    assert FOUND.read_bytes() == before
    change(images)
    find.run()
    assert (FOUND.read_bytes() != before) == differs


def test_same_files_elsewhere_are_the_same(images: Path) -> None:
    find.run()
    before = FOUND.read_bytes()
    shutil.copytree(images, images.parent / "elsewhere")
    for path in "elsewhere", str(images.parent / "elsewhere"):
        choose("folder", path)
        find.run()
        assert FOUND.read_bytes() == before


def test_links_are_followed(images: Path) -> None:
    find.run()
    before = FOUND.read_bytes()
    images.rename(images.parent / "elsewhere")
    images.symlink_to(images.parent / "elsewhere")
    find.run()
    assert FOUND.read_bytes() == before
    (images / "a/0.png").rename(images.parent / "aside")
    (images / "a/0.png").symlink_to(images.parent / "aside")
    find.run()
    assert FOUND.read_bytes() == before
    (images.parent / "aside").write_bytes(b"two")
    find.run()
    assert FOUND.read_bytes() != before


@pytest.mark.parametrize("name", ["photos", "digits-1k", "cifar10"])
def test_where_nothing_is_the_user_s_it_says_so(name: str, images: Path) -> None:
    for path in "own", "missing":
        choose(name, path)
        assert found() == {name: "none of the user's files"}
    assert images.is_dir()


def test_a_copy_of_a_published_file_is_the_user_s(images: Path) -> None:
    choose("cifar10")
    (images / "cifar-10-binary.tar.gz").write_bytes(b"a copy")
    assert [row[:2] for row in found()["cifar10"]] == [["cifar-10-binary.tar.gz", 6]]


@pytest.mark.parametrize("name", ["folder", "celeba", "lsun", "parquet", "tfrecords"])
def test_missing_files_are_one_line_that_says_what_to_put_where(
    name: str, project: Path, command: Run
) -> None:
    choose(name)
    code, _, missing = command("find")
    (project / "own").mkdir()
    empty = command("find")
    assert (code, empty[0]) == (2, 2)
    assert "dataset.path: own: not found; put there " in missing
    assert f"dataset.path: own: nothing there that {name} takes; put there " in empty[2]
    assert len((missing + empty[2]).splitlines()) == 2


def test_relative_path_is_the_main_checkout_s(
    images: Path, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As DVC runs a queued experiment: in another folder, and DVC_ROOT names the main checkout."""
    find.run()
    before = FOUND.read_bytes()
    workspace = images.parent / "workspace"
    (workspace / ".dvc").mkdir(parents=True)
    shutil.copy("params.yaml", workspace)
    monkeypatch.chdir(workspace)
    assert command("find")[0] == 2
    monkeypatch.setenv("DVC_ROOT", str(images.parent))
    code, estimate, _ = command("check", "--estimate")
    assert code == 0
    assert "data/multires/r32: 2 images" in estimate
    find.run()
    assert FOUND.read_bytes() == before
    download.run()
    assert (RAW / "images.zip").stat().st_size > 0
    assert not (workspace / ".pgpipe").exists()


# Each file is read once


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read from now on."""
    read, original = [], filehashes.sha256_watched

    def noting(file: Path, report: Callable[[int], None]) -> str:
        read.append(file.name)
        return original(file, report)

    monkeypatch.setattr(filehashes, "sha256_watched", noting)
    return read


def test_what_did_not_change_is_not_read_again(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reads(monkeypatch)
    monkeypatch.setattr(filehashes, "TICK_NS", -(10**12))  # as if the files were old
    find.run()
    assert read == ["0.png", "1.png"]
    find.run()
    assert len(read) == 2
    (images / "a/0.png").write_bytes(b"two")
    find.run()
    assert read[2:] == ["0.png"]
    for memory in images.parent.glob(".pgpipe/found/*"):
        memory.write_bytes(b"[broken")
    find.run()
    assert read[3:] == ["0.png", "1.png"]


def test_what_changed_just_now_is_read_again(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reads(monkeypatch)
    find.run()
    find.run()
    assert read == 2 * ["0.png", "1.png"]
    assert images.is_dir()


def test_change_that_keeps_size_and_time_of_content_is_seen(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filehashes, "TICK_NS", -(10**12))
    file = images / "a/0.png"
    find.run()
    before, stat = FOUND.read_bytes(), file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    find.run()
    assert FOUND.read_bytes() != before


def test_what_was_read_is_kept_where_the_reading_is_cut_short(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filehashes, "TICK_NS", -(10**12))
    original = filehashes.sha256_watched

    def interrupted(file: Path, report: Callable[[int], None]) -> str:
        if file.name == "1.png":
            raise KeyboardInterrupt
        return original(file, report)

    with monkeypatch.context() as patch:
        patch.setattr(filehashes, "sha256_watched", interrupted)
        with pytest.raises(KeyboardInterrupt):
            find.run()
    read = reads(monkeypatch)
    find.run()
    assert read == ["1.png"]
    assert images.is_dir()


def test_a_file_too_large_for_an_image_is_not_read(images: Path) -> None:
    """5 GB, which take no room on the disk."""
    with (images / "a/0.png").open("wb") as sparse:
        sparse.truncate(5 << 30)
    with pytest.raises(IntegrityError, match=r"a/0\.png: .*5368709120 bytes, at most 536870912"):
        found()
