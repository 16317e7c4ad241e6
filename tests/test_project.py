"""Where the project is, and where its large temporary files lie."""

import os
import tempfile
from pathlib import Path

import pytest

from pgpipe.project import folder_for_much, project_root


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)


def test_root_is_the_next_folder_above_that_dvc_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unset: None
) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert project_root() == tmp_path


def test_root_is_what_dvc_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "main"))
    assert project_root() == tmp_path / "main"


def test_root_without_dvc_is_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unset: None
) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_root() == tmp_path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The project, and the system's temporary folder."""
    root, system = tmp_path / "project", tmp_path / "system"
    for folder in (root, system):
        folder.mkdir()
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(system))
    return root, system


def test_much_goes_into_the_project_and_not_into_the_systems_folder(
    places: tuple[Path, Path],
) -> None:
    root, _ = places
    assert folder_for_much() == root


def test_much_goes_where_the_user_says(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # where Python remembers the first answer
    assert folder_for_much() == tmp_path


def test_much_goes_into_the_systems_folder_where_the_project_takes_nothing(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, system = places
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != root)
    assert folder_for_much() == system
