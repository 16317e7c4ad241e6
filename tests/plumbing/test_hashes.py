"""Hashes of bytes, files, values and trees."""

import hashlib
import shutil
from pathlib import Path

import pytest

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
