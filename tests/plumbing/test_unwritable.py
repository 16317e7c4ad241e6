"""What the system refuses is the user's error, of the right kind; what may be a bug is none."""

import errno
import os
import sqlite3
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import typer
from tinyproject import Run

import stages.check
from pgpipe import errors
from pgpipe.commands import app as cli
from pgpipe.config import PARAMS_FILE, load_yaml, parse_yaml
from pgpipe.data.reading.annotations import boxes_of
from pgpipe.errors import ResourceError, UsageError
from pgpipe.plumbing.processes import launch
from pgpipe.plumbing.project import project_root
from pgpipe.plumbing.unwritable import naming_option, refusal
from pgpipe.scoring.sets import mapped


def code_of(error: BaseException) -> int:
    return cli.outcome(error)[0]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("EACCES", "EPERM", "EROFS", "ENAMETOOLONG", "ENOTDIR", "EISDIR", "ELOOP"), 2),
        (("ENOSPC", "EDQUOT", "EFBIG", "EMFILE", "ENFILE", "ENOMEM", "EIO"), 4),
        (("ENOENT", "EINVAL", "EBADF", "ENOTEMPTY"), 70),
    ],
)
def test_each_refusal_has_its_code_and_names_the_place(
    names: tuple[str, ...], code: int, project: Path
) -> None:
    for name in names:
        number = getattr(errno, name)
        found, message = cli.outcome(OSError(number, os.strerror(number), "some/place"))
        assert found == code, name
        assert "some/place" in message


def test_a_file_in_the_place_of_a_folder_is_told_and_a_folder_in_it_is_a_bug(project: Path) -> None:
    Path("file").touch()
    with pytest.raises(FileExistsError) as caught:
        Path("file").mkdir(exist_ok=True)
    assert code_of(caught.value) == 2
    assert refusal(FileExistsError(errno.EEXIST, "File exists"), project) is None


def test_who_names_a_file_keeps_the_code_of_the_refusal(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few open files were 2 for params.yaml, and 3 for a .npy file, which is not damaged."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(np.lib.format, "open_memmap", refuse)
    for read in (partial(load_yaml, PARAMS_FILE), partial(mapped, Path("a.npy"))):
        with pytest.raises(ResourceError, match=r"^(params.yaml|a.npy): too many open files; "):
            read()
    with (
        pytest.raises(ResourceError, match=r"^--to: x: too many"),
        naming_option("--to", Path("x")),
    ):
        refuse(Path("x"))


def test_what_a_library_makes_of_a_refusal_is_still_one(project: Path) -> None:
    error = ValueError("cannot")
    error.__cause__ = PermissionError(errno.EACCES, "Permission denied", "place")
    assert code_of(error) == 2
    assert code_of(sqlite3.OperationalError("disk I/O error")) == 4
    assert code_of(sqlite3.OperationalError("attempt to write a readonly database")) == 2
    assert code_of(sqlite3.DatabaseError("database disk image is malformed")) == 3
    assert code_of(OSError("12582912 requested and 872 written")) == 4


def test_only_what_interrupts_is_an_interruption(
    project: Path, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """typer makes an `Abort` of the end of any file."""

    def ends() -> None:
        raise EOFError("No data left in file")

    monkeypatch.setattr(stages.check, "run", ends)
    assert command("check")[0] == errors.BUG
    assert code_of(typer.Abort()) == errors.INTERRUPTED


def test_a_project_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for root in ("/nowhere/at/all", "x" * 5000):
        monkeypatch.setenv("DVC_ROOT", root)
        with pytest.raises(UsageError, match="DVC_ROOT"):
            project_root()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"WORLD_SIZE": "2"}, "RANK"),
        ({"RANK": "1"}, "WORLD_SIZE"),
        ({"RANK": "2", "WORLD_SIZE": "2", "MASTER_ADDR": "x", "MASTER_PORT": "1"}, "RANK"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "MASTER_ADDR"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE"),
        ({"LOCAL_WORLD_SIZE": "9" * 5000}, "LOCAL_WORLD_SIZE"),
    ],
)
def test_a_part_of_torchruns_variables_is_refused(
    variables: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"^{named}: "):
        launch.require_environment()


@pytest.mark.parametrize("directive", ["%YAML 1.3", "%YAML 1.99999999999999999999"])
def test_a_version_that_yaml_does_not_have_is_refused(directive: str) -> None:
    with pytest.raises(UsageError, match="not valid YAML"):
        parse_yaml(f"{directive}\n---\na: 1\n", "params.yaml")


def test_a_box_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(UsageError, match="are not whole pixels") as caught:
        boxes_of("boxes.csv", f"name,left,top,width,height\na.png,{'9' * 5000},0,1,1\n")
    assert len(str(caught.value)) < 200
