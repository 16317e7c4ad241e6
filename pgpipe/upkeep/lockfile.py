"""DVC's `dvc.lock`, schema 2.0: which outputs there are, and whether the file is whole.

DVC writes it in place, so that a kill can leave any beginning of it. Not every beginning is refused
by DVC: a number that lost its last digits is still one.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError, model_validator

from pgpipe.config import DVCS, load_yaml, parse_yaml
from pgpipe.errors import IntegrityError, UsageError

LOCK_FILE, PIPELINE_FILE = Path("dvc.lock"), Path("dvc.yaml")
FOLDER = ".dir"  # ends the hash of a folder


class Entry(BaseModel):
    """An output or dependency; a folder's hash is that of the list of its files."""

    path: str
    hash: Literal["md5"]
    md5: str
    size: int
    nfiles: int | None = None

    @model_validator(mode="after")
    def folder_counts_its_files(self) -> "Entry":
        """The count is the last thing that DVC writes of a folder."""
        if self.md5.endswith(FOLDER) and self.nfiles is None:
            raise ValueError("a folder without nfiles")
        return self


class Stage(BaseModel):
    """What a stage has run with, and what it made."""

    cmd: str
    deps: list[Entry] = Field(default_factory=list)
    outs: list[Entry] = Field(default_factory=list)


class Lock(BaseModel):
    """The whole of dvc.lock."""

    schema_version: Literal["2.0"] = Field(alias="schema")
    stages: dict[str, Stage]


class Output(NamedTuple):
    """A file or folder that DVC knows by its MD5; `cached`: DVC keeps a copy."""

    path: Path
    md5: str
    cached: bool


def parse(text: str) -> Lock:
    """The content of a dvc.lock.

    Raises:
        IntegrityError: it is not what DVC writes.
    """
    if not text.endswith("\n"):
        raise IntegrityError(f"{LOCK_FILE}: {'cut off' if text else 'empty'}")
    try:
        return Lock.model_validate(parse_yaml(text, str(LOCK_FILE), bounds=DVCS))
    except UsageError as error:
        raise IntegrityError(str(error)) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise IntegrityError(f"{LOCK_FILE}: {place}: {first['msg']}") from None


def read(root: Path) -> Lock | None:
    """The dvc.lock of a project; None where there is none.

    Raises:
        IntegrityError: it is not what DVC writes.
    """
    try:
        return parse((root / LOCK_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise IntegrityError(f"{LOCK_FILE}: not UTF-8") from None


def outputs(root: Path, lock: Lock) -> list[Output]:
    """The outputs that `lock` names."""
    uncached = set(without_cache(load_yaml(root / PIPELINE_FILE)))
    entries = [entry for stage in lock.stages.values() for entry in stage.outs]
    return [Output(root / e.path, e.md5, e.path not in uncached) for e in entries]


def without_cache(value: Any) -> list[str]:
    """The paths that a dvc.yaml, or a part of it, marks with `cache: false`."""
    if isinstance(value, list):
        return [path for item in value for path in without_cache(item)]
    if not isinstance(value, dict):
        return []
    marked = [k for k, v in value.items() if isinstance(v, dict) and v.get("cache") is False]
    return marked + without_cache(list(value.values()))
