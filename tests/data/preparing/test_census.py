"""How many images a user has, without reading one."""

import zipfile
from pathlib import Path

from tinyparams import VALID

from pgpipe.data.config import DatasetSection
from pgpipe.data.preparing import census


def of(path: Path, **values: object) -> tuple[int | None, int]:
    named = {"name": "folder", "path": str(path), **values}
    return census.of(DatasetSection(**{**VALID["dataset"], **named}))


def test_folder_is_counted_by_its_visible_files(tmp_path: Path) -> None:
    for name in ("a.png", "b.txt", ".hidden"):
        (tmp_path / name).write_bytes(bytes(10))
    assert of(tmp_path) == (2, 20)


def test_zip_is_counted_by_its_members_and_its_size(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("a.png", "b.png", "c/"):
            archive.writestr(name, b"")
    assert of(tmp_path / "x.zip") == (2, (tmp_path / "x.zip").stat().st_size)


def test_files_of_mnist_have_a_size_and_no_count(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes(30))
    assert of(tmp_path, name="mnist-1k", resolution=32) == (None, 30)


def test_nothing_is_known_of_what_is_not_there(tmp_path: Path) -> None:
    assert of(tmp_path / "nowhere") == (None, 0)
    assert of(tmp_path, name="photos") == (None, 0)
