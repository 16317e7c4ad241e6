"""A finished data set comes back by its key, whole and verified, or not at all."""

import os
from json import dumps, loads
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pgpipe.data.preparing import finished, pyramid, writing
from pgpipe.plumbing.hashes import sha256_tree


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A set of three images at two resolutions, and its manifest."""
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    blocks = [pyramid.block([(image, "a", str(n))]) for n, image in enumerate(images)]
    return tmp_path / "set", writing.write(blocks, tmp_path / "set", 8, [])


def test_it_comes_back_with_the_same_bytes(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    target, manifest = made
    finished.keep(tmp_path / "kept", "key", target, manifest)
    assert finished.restore(tmp_path / "kept", "key", tmp_path / "again") == loads(dumps(manifest))
    assert sha256_tree(tmp_path / "again") == sha256_tree(target)


def test_it_takes_no_space(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    target, manifest = made
    finished.keep(tmp_path / "kept", "key", target, manifest)
    for name in manifest["arrays"]:
        assert (tmp_path / "kept/key" / name).samefile(target / name)


def test_another_key_has_none_and_takes_the_place(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    target, manifest = made
    finished.keep(tmp_path / "kept", "key", target, manifest)
    assert finished.restore(tmp_path / "kept", "other", tmp_path / "again") is None
    finished.keep(tmp_path / "kept", "other", target, manifest)
    assert [folder.name for folder in (tmp_path / "kept").iterdir()] == ["other"]


@pytest.mark.parametrize("name", ["r8/00000.npy", "r4/00000.npy", "labels.npy", "manifest.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_what_is_damaged_does_not_come_back(
    name: str, harm: str, made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    target, manifest = made
    finished.keep(tmp_path / "kept", "key", target, manifest)
    file = tmp_path / "kept/key" / name
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.unlink()
    if harm != "remove":
        file.write_bytes(data if harm == "flip" else data[:-9])
    assert finished.restore(tmp_path / "kept", "key", tmp_path / "again") is None
    assert not (tmp_path / "again").exists()


def test_without_links_nothing_is_kept(
    made: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    finished.keep(tmp_path / "kept", "key", *made)
    assert list((tmp_path / "kept").iterdir()) == []
