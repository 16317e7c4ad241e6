"""Each claim is tested by an independent hash, and no file is read twice."""

import hashlib
from pathlib import Path

import pytest

from pgpipe.upkeep.claims import Claim, examine

CONTENT = b"content" * 300_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(CONTENT)
    return tmp_path / "file"


def md5_of(path: Path, wanted: str | None = None) -> Claim:
    return Claim(path, "md5", wanted or hashlib.md5(CONTENT).hexdigest(), "somebody")  # noqa: S324


def sha256_of(path: Path) -> Claim:
    return Claim(path, "sha256", hashlib.sha256(CONTENT).hexdigest(), "somebody")


def test_true_claims_have_no_faults(file: Path) -> None:
    assert examine([md5_of(file), sha256_of(file)], print).faults == []


def test_all_names_and_hashes_of_a_file_take_one_reading(file: Path) -> None:
    (file.parent / "hard").hardlink_to(file)
    (file.parent / "soft").symlink_to(file)
    names = [file, file.parent / "hard", file.parent / "soft"]
    read: list[int] = []
    done = examine([c(name) for name in names for c in (md5_of, sha256_of)], read.append)
    assert done.faults == []
    assert (done.files, done.size, read[-1]) == (1, len(CONTENT), len(CONTENT))
    assert read == sorted(set(read))


def test_a_false_claim_names_file_hashes_and_source(file: Path) -> None:
    [fault] = examine([md5_of(file, "0" * 32), sha256_of(file)], print).faults
    found = hashlib.md5(CONTENT).hexdigest()  # noqa: S324
    assert str(fault) == f"{file}: its MD5 is {found}, not {'0' * 32} of somebody"


@pytest.mark.parametrize(("name", "found"), [("missing", "missing"), (".", "not a file")])
def test_what_is_no_file_is_named(tmp_path: Path, name: str, found: str) -> None:
    [fault] = examine([md5_of(tmp_path / name)], print).faults
    assert str(fault) == f"{tmp_path / name}: {found} (named by somebody)"
