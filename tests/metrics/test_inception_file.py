"""Where the Inception network's weights lie, and what is said where they do not."""

import re
from pathlib import Path

import pytest

from pgpipe.errors import IntegrityError, UsageError
from pgpipe.metrics import inception_file
from pgpipe.plumbing.hashes import sha256


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The main checkout, while the current folder is an experiment's workspace."""
    (tmp_path / "workspace").mkdir()
    monkeypatch.chdir(tmp_path / "workspace")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def write(data: bytes) -> None:
    inception_file.path().parent.mkdir(parents=True)
    inception_file.path().write_bytes(data)


def test_all_names_carry_the_first_digits_of_the_hash() -> None:
    digits = inception_file.SHA256[:8]
    assert all(url.endswith(f"-{digits}.pth") for url in inception_file.URLS)
    assert inception_file.NAME.endswith(f"2015-12-05-{digits}.pth")
    assert re.fullmatch("[0-9a-f]{64}", inception_file.SHA256)


def test_experiments_share_the_main_checkouts_file(root: Path) -> None:
    assert inception_file.path() == root / ".pgpipe" / "weights" / inception_file.NAME


def test_missing_file_is_one_line_that_says_what_to_run() -> None:
    with pytest.raises(UsageError, match=r"not found, and score\.inception.* `pgpipe weights`$"):
        inception_file.read()


def test_other_content_is_refused() -> None:
    write(b"other")
    with pytest.raises(IntegrityError, match=f"{sha256(b'other')}, not {inception_file.SHA256}"):
        inception_file.read()


def test_content_of_the_hash_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inception_file, "SHA256", sha256(b"weights"))
    write(b"weights")
    assert inception_file.read() == b"weights"
