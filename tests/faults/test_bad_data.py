"""Broken data sets: an answer, or one line and an exit code; no traceback, hang or flood of memory.

Each battery runs `pgpipe download` and `pgpipe prepare` in one process, whose memory is measured.
"""

import gzip
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.process import measured
from faults.idxfiles import BROKEN_IDX, IMAGES, LABELS
from faults.sources import Ended, flips, ingest, project, zips
from faults.zips import BROKEN, DEFLATED, GOOD, png
from pgpipe.data.sources.mnist import IMAGES as MNIST_IMAGES
from pgpipe.data.sources.mnist import LABELS as MNIST_LABELS

SEED = 20261124
SECONDS = 10.0  # of a processor, for any one data set
MEMORY = 2 << 30  # bytes of the process, libraries included
GOOD_CODES = {0, 2, 3}

faults = pytest.mark.faults


def require_sound(ended: list[Ended], peak: int) -> None:
    """Nothing that any battery may leave."""
    assert peak < MEMORY
    for end in ended:
        assert end.code in GOOD_CODES, end
        assert bool(end.message) == (end.code != 0), end
        assert end.message.isprintable(), end
        assert end.seconds < SECONDS, end


def test_zips_of_every_broken_kind(tmp_path: Path) -> None:
    assert len(BROKEN) >= 60
    archives = {name: make() for name, (make, _) in BROKEN.items()}
    found = measured(zips, tmp_path / "deep" / "project", archives)
    require_sound(found.value, found.peak)
    assert {end.name: end.code for end in found.value} == {
        name: code for name, (_, code) in BROKEN.items()
    }
    # Whatever the names in the archives: nothing outside of the project's own places
    assert {path.name for path in tmp_path.rglob("*.png")} == set()
    assert {p.name for p in (tmp_path / "deep/project").iterdir()} <= {
        *(".dvc", ".pgpipe", "params.yaml", "own.zip", "data")
    }


def mnist(folder: Path, sets: dict[str, tuple[bytes, bytes, str]]) -> list[Ended]:
    """Each pair of files of images and labels, and what ends their names, as the data set."""
    project(folder, name="mnist-1k", path="own", resolution=32, stacks=30)
    ended = []
    for name, (images, labels, end) in sets.items():
        shutil.rmtree("own", ignore_errors=True)
        Path("own").mkdir()
        Path("own", f"{MNIST_IMAGES}{end}").write_bytes(images)
        Path("own", f"{MNIST_LABELS}{end}").write_bytes(labels)
        ended.append(ingest(name))
    return ended


def test_idx_files_of_every_broken_kind(tmp_path: Path) -> None:
    good = {"good": (IMAGES, LABELS, ""),
            "packed": (gzip.compress(IMAGES), gzip.compress(LABELS), ".gz")}  # fmt: skip
    found = measured(mnist, tmp_path, {**good, **BROKEN_IDX})
    require_sound(found.value, found.peak)
    assert {end.name: end.code for end in found.value} == {
        **dict.fromkeys(good, 0),
        **dict.fromkeys(BROKEN_IDX, 3),
    }


def odd_folder(folder: Path) -> list[Ended]:
    """A folder of what no data set is made of, and one image."""
    project(folder, path="own")
    own = Path("own")
    (own / "deep").mkdir(parents=True)
    (own / "a.png").write_bytes(png())
    (own / "loop").symlink_to(own.resolve())
    (own / "zero.png").symlink_to("/dev/zero")
    (own / "deep" / "passwd.png").symlink_to("/etc/passwd")
    os.mkfifo(own / "pipe.png")
    (own / "empty.png").touch()
    (own / "new\nline.png").write_bytes(b"x")
    (own / "\x1b[2J.png").write_bytes(png()[:40])
    with (own / "sparse.png").open("wb") as file:
        file.truncate(600 << 20)
    odd = ingest("odd")
    (own / "nowhere.png").symlink_to("/no/such/file")
    return [odd, ingest("dangling")]


@faults
def test_folder_of_odd_files(tmp_path: Path) -> None:
    """Endless and looping things are passed over; what is too large, or missing, is named."""
    found = measured(odd_folder, tmp_path)
    require_sound(found.value, found.peak)
    end, dangling = found.value
    assert (end.code, dangling.code) == (3, 2)
    assert "own/nowhere.png: a link to nothing" in dangling.message
    assert "sparse.png: not a readable image: 629145600 bytes, at most 536870912" in end.message


MNIST = {"name": "mnist-1k", "path": "own", "resolution": 32, "stacks": 30}
FLIPPED: list[tuple[str, bytes, dict[str, Any]]] = [
    ("own.zip", GOOD, {"path": "own.zip"}),
    ("own.zip", DEFLATED, {"path": "own.zip"}),
    ("own/a.png", png(), {"path": "own"}),
    (f"own/{MNIST_IMAGES}", IMAGES, MNIST),
    (f"own/{MNIST_LABELS}", LABELS, MNIST),
    (f"own/{MNIST_IMAGES}.gz", gzip.compress(IMAGES), MNIST),
]


@pytest.mark.parametrize("count", [5, pytest.param(60, marks=faults)])
@pytest.mark.parametrize(("file", "whole", "dataset"), FLIPPED, ids=range(len(FLIPPED)))
def test_one_wrong_byte(
    tmp_path: Path, file: str, whole: bytes, dataset: dict[str, Any], count: int
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    if dataset is MNIST:
        (own / MNIST_IMAGES).write_bytes(IMAGES)
        (own / MNIST_LABELS).write_bytes(LABELS)
        (own / Path(file).name.removesuffix(".gz")).unlink()  # what is flipped takes its place
    found = measured(flips, tmp_path, file, whole, count, SEED, dataset)
    require_sound(found.value, found.peak)
    if file == "own.zip":  # checksums: an image is what it was, or is not there
        assert {end.images for end in found.value if end.code == 0} <= {1, 2}
