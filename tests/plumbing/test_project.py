"""Where the project is, what its place has to be like, and where its large files lie."""

import errno
import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import pytest
from tinyparams import ROOT

from pgpipe.errors import UsageError
from pgpipe.plumbing.git import git
from pgpipe.plumbing.project import fault_of_place, folder_for_much, project_root, require_git


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
    (tmp_path / "main").mkdir()
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


# The place of a project


def copy_installation(folder: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources without git, as an archive of them is."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").touch()
    copy_installation(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_repository_the_cure_is_said(unpacked: Path) -> None:
    with pytest.raises(UsageError, match=r"no git repository.*run: git init && git add -A"):
        require_git()
    subprocess.run(["git", "init", "-q"], check=True)
    require_git()


def test_what_git_says_of_anothers_repository_is_told_with_the_cure(
    unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers nothing there, which was taken for a repository without a commit."""
    subprocess.run(["git", "init", "-q"], check=True)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    cure = f"git config --global --add safe.directory {unpacked}"
    for ask in (require_git, partial(git, "status", "--porcelain")):
        with pytest.raises(UsageError, match=f"^git: detected dubious ownership.*run: {cure}$"):
            ask()


def test_where_git_cannot_start_the_reason_is_told(
    unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With few open files it was "no git commit"."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        git("rev-parse", "HEAD")


def test_without_git_it_is_to_be_installed(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="git is not installed"):
        require_git()


def test_a_path_that_is_no_text_is_refused(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpacked / os.fsdecode(b"a\xffb")
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").touch()
    monkeypatch.setenv("DVC_ROOT", str(folder))
    with pytest.raises(UsageError, match="not UTF-8; rename the folder"):
        require_git()


@pytest.mark.parametrize(
    ("name", "strange"),
    [("a?b", "?"), ("a#b", "#"), ("a\nb", "\n"), ("\u00fcml", "\u00fc"), ("a b%20;&:[x]'", "")],
)
def test_where_dvc_cannot_have_workspaces_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, strange: str
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / name))
    fault = fault_of_place()
    assert (fault is not None) == bool(strange)
    assert fault is None or f"with {strange!r} in it" in fault


def made(*arguments: str) -> tuple[int, list[str]]:
    done = subprocess.run(["make", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, [x for x in done.stderr.splitlines() if not x.startswith("make")]


@pytest.mark.parametrize("target", ["repro", "test", "faults"])
def test_make_says_what_is_missing_before_it_installs(unpacked: Path, target: str) -> None:
    code, (line,) = made(target)
    assert code == 2
    assert "run: git init && git add -A && git commit" in line
    assert not (unpacked / ".venv").exists()


def test_make_says_where_no_environment_can_be(
    unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    assert made("place") == (0, [])
    for name in ("a:b", 'a"b', "a$HOME", "a`b", "a\nb"):
        (unpacked / name).mkdir()
        copy_installation(unpacked / name)
        with monkeypatch.context() as patch:
            patch.chdir(unpacked / name)
            code, (line,) = made("repro")
        assert (code, "move the project" in line) == (2, True)
