"""Hashes of bytes, files, values and trees."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pgpipe.errors import IntegrityError
from pgpipe.plumbing import filehashes, sealed
from pgpipe.plumbing.hashes import sha256, sha256_file, sha256_json, sha256_tree


def test_hashes_are_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc" * 1_000_000)
    wanted = hashlib.sha256(b"abc" * 1_000_000).hexdigest()
    assert sha256(b"abc" * 1_000_000) == sha256_file(tmp_path / "file") == wanted


def test_hash_of_json_ignores_the_order_of_keys_only() -> None:
    assert sha256_json({"a": 1, "b": [1, 2]}) == sha256_json({"b": [1, 2], "a": 1})
    assert sha256_json({"a": [1, 2]}) != sha256_json({"a": [2, 1]})
    assert sha256_json({"a": 1}) != sha256_json({"a": "1"})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree" / "inner").mkdir(parents=True)
    (tmp_path / "tree" / "one.py").write_text("1")
    (tmp_path / "tree" / "inner" / "two.py").write_text("2")
    return tmp_path / "tree"


def test_hash_of_a_tree_follows_names_and_contents(tree: Path) -> None:
    seen = {sha256_tree(tree)}
    (tree / "one.py").write_text("11")
    seen.add(sha256_tree(tree))
    (tree / "one.py").rename(tree / "three.py")
    seen.add(sha256_tree(tree))
    (tree / "three.py").rename(tree / "inner" / "three.py")
    seen.add(sha256_tree(tree))
    (tree / "new.py").write_text("")
    seen.add(sha256_tree(tree))
    assert len(seen) == 5


def test_hash_of_a_tree_follows_the_folders_names(tmp_path: Path) -> None:
    (tmp_path / "tree" / "one").mkdir(parents=True)
    (tmp_path / "tree" / "one" / "file").write_text("x")
    before = sha256_tree(tmp_path / "tree")
    (tmp_path / "tree" / "one").rename(tmp_path / "tree" / "two")
    assert sha256_tree(tmp_path / "tree") != before


def test_hash_of_a_tree_is_that_of_its_copy_elsewhere(tree: Path, tmp_path: Path) -> None:
    shutil.copytree(tree, tmp_path / "elsewhere")
    assert sha256_tree(tmp_path / "elsewhere") == sha256_tree(tree)


def test_hash_of_a_tree_leaves_out_what_is_not_kept(tree: Path) -> None:
    before = sha256_tree(tree, lambda file: file.suffix == ".py")
    (tree / "cache.pyc").write_text("x")
    assert sha256_tree(tree, lambda file: file.suffix == ".py") == before != sha256_tree(tree)


def test_hash_of_a_file_as_a_tree_follows_its_content(tree: Path) -> None:
    before = sha256_tree(tree / "one.py")
    (tree / "one.py").write_text("x")
    assert sha256_tree(tree / "one.py") != before


def test_large_file_is_hashed_once_whoever_reads_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone or among others, until it changes; a change of its bits is seen."""
    np.save("a.npy", np.arange(9, dtype=np.uint8))
    np.save("b.npy", np.arange(7, dtype=np.uint8))
    a, b = project / "a.npy", project / "b.npy"
    sealed.seal(project, a, b)
    monkeypatch.setattr(sealed, "MUCH_BYTES", 0)
    monkeypatch.setattr(filehashes, "TICK_NS", 0)
    hashed: list[str] = []

    def noted(file: Path, report: Callable[[int], None]) -> str:
        hashed.append(file.name)
        return sha256_file(file)

    monkeypatch.setattr(filehashes, "sha256_watched", noted)
    for _ in range(2):
        sealed.require(a, b)
        assert sealed.read_array(a, "r").sum() == 36
        sealed.require(b)
    assert hashed == ["a.npy", "b.npy"]
    data = bytearray(b.read_bytes())
    data[-1] ^= 1
    b.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"b\.npy: not what was written"):
        sealed.require(a, b)
    assert hashed == ["a.npy", "b.npy", "b.npy"]
