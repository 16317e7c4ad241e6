"""Odd folders, drawn at random: what is taken is the same in place, packed, zipped and in a tar."""

import io
import tarfile
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tinyparams import VALID

from pgpipe.data.config import DatasetSection
from pgpipe.data.reading.choice import Choice, chosen
from pgpipe.data.sources.inplace import linked
from pgpipe.data.sources.source import Place, Source
from pgpipe.data.sources.table import source
from pgpipe.errors import PgpipeError

STEPS = [
    *("cat", "dog", "a cat", "Käse", "Ka\u0308se", "new\nline", "train", "test", "images", "00000"),
    *("__MACOSX", ".git", "'quoted'", "cat.png", "-x", "ünïcode 猫"),
]
FILES = [
    *("1.png", "2.PNG", "a b.png", "ä.png", "img00000001.png", "x\ny.png", "1", "cat", "no.txt"),
    *("Thumbs.db", ".DS_Store", "._1.png", "dataset.json", "labels.csv", "desktop.ini", "x.tif"),
]


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


def grow(folder: Path, draw: np.random.Generator, depth: int = 0) -> None:
    """Fill a folder with odd files, folders and links."""
    folder.mkdir()
    for name in draw.permutation(FILES)[: draw.integers(0, 5)]:
        (folder / name).write_bytes(png())
    for name in draw.permutation(STEPS)[: draw.integers(0, 4 - depth)]:
        path = folder / name
        if path.exists():
            continue
        kind = draw.integers(0, 5)
        if kind == 0:
            path.mkdir()
        elif kind == 1:
            others = [*folder.parent.iterdir()]
            path.symlink_to(others[draw.integers(0, len(others))], target_is_directory=True)
        else:
            grow(path, draw, depth + 1)


def section(name: str, path: Path, **values: Any) -> DatasetSection:
    return DatasetSection(**{**VALID["dataset"], "name": name, "path": str(path), **values})


def outcome(choice: Any) -> object:
    """Labels by name and notes, or the type of what was refused."""
    try:
        found: Choice = choice()
    except PgpipeError as error:
        told = error
    else:
        return found.labels, found.notes
    assert "\n" not in str(told)
    return type(told)


def fetched(dataset: DatasetSection, raw: Path) -> Choice:
    """As the stages do it."""
    found = source(dataset.name)
    assert isinstance(found, Source)
    raw.mkdir()
    found.fetch(Place(dataset.name, Path(dataset.path), raw, lambda *_: nullcontext(print)))
    choice = chosen(found, raw, dataset)
    taken = [name for _, _, name in choice.of(found.read(raw))]
    assert choice.labels is not None
    assert sorted(taken) == sorted(choice.labels)
    return choice


def in_place(dataset: DatasetSection) -> Choice:
    """As `check` does it."""
    found = source(dataset.name)
    assert isinstance(found, Source)
    with linked(dataset, Path(dataset.path)) as raw:
        return chosen(found, raw, dataset)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("labels", ["source", "none"])
def test_the_same_is_taken_in_place_and_from_each_archive(
    seed: int, labels: str, tmp_path: Path
) -> None:
    draw = np.random.default_rng(seed)
    (tmp_path / "top").mkdir()
    grow(own := tmp_path / "top/own", draw)
    looked = outcome(lambda: in_place(section("folder", own, labels=labels)))
    assert looked == outcome(lambda: fetched(section("folder", own, labels=labels), tmp_path / "1"))
    if not (tmp_path / "1/images.zip").exists():
        return
    with zipfile.ZipFile(tmp_path / "1/images.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(tmp_path / "own.tar", "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    for kind, path in (("zip", tmp_path / "1/images.zip"), ("tar", tmp_path / "own.tar")):
        values = section(kind, path, labels=labels)
        assert outcome(lambda values=values: in_place(values)) == looked
        assert outcome(lambda values=values, kind=kind: fetched(values, tmp_path / kind)) == looked
