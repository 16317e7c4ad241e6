"""Preparation that is killed anywhere, again and again, goes on, and ends with the same bytes."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tinyparams import ROOT

from benchmarks.prepare import jpeg
from faults.preparing import BATCH
from faults.trials import Trials
from pgpipe.data.feeding.multires import read_manifest, sizes, verify
from pgpipe.data.preparing.workers import SLOTS
from pgpipe.data.reading import rawzip
from pgpipe.plumbing.hashes import sha256_tree
from pgpipe.plumbing.processes.cores import cores
from stages.paths import MULTIRES, RAW

IMAGES = 600  # every 20th is none
IN_WORK = BATCH * (SLOTS * cores() + 1)  # images that a kill may cost: made, but not yet marked


@pytest.fixture
def images(project: Path) -> Path:
    """A project with JPEGs as its raw data."""
    text = (ROOT / "tests/params.yaml").read_text()
    for old, new in (("name: photos", "name: folder"), ("resolution: 64", "resolution: 16")):
        assert old in text
        text = text.replace(old, new, 1)
    (project / "params.yaml").write_text(text)
    draw = np.random.default_rng(0)
    members = [
        (f"{n % 3}/{n:04d}.jpg", jpeg(draw.integers(0, 256, (24, 24, 3), dtype=np.uint8)))
        for n in range(IMAGES)
    ]
    members[::20] = [(name, b"text") for name, _ in members[::20]]
    rawzip.pack(members, project / RAW / rawzip.NAME)
    return project


def start(log: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, ROOT / "tests/faults/preparing.py", log],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def decoded(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def killed(log: Path, images: int) -> bool:
    """Start it and kill it once so many more images are decoded; whether it had not ended."""
    with start(log) as process:
        until = decoded(log) + images
        while decoded(log) < until and process.poll() is None:
            time.sleep(0.002)
        ended = process.poll()
        process.kill()
    return ended is None


def test_killed_at_random_it_goes_on_to_the_same_bytes(images: Path, trials: Trials) -> None:
    log = images / "log"
    assert start(log).wait() == 0
    whole, total = sha256_tree(MULTIRES), decoded(log)
    assert total == IMAGES
    kills, most = 0, 0
    for _ in range(trials.number(smoke=1, everything=12)):
        log.unlink()
        shutil.rmtree(images / ".pgpipe/prepared")  # finished, it would come back from there
        these = 0
        while killed(log, trials.random.randint(1, 250)):
            these += 1
            assert these < IMAGES / 10, "it does not get on"
        assert sha256_tree(MULTIRES) == whole
        again = decoded(log) - total
        assert again <= these * IN_WORK
        kills, most = kills + these, max(most, again // max(1, these))
        assert list((images / ".pgpipe/prepare").iterdir()) == []
    assert read_manifest(MULTIRES)["count"] == IMAGES - IMAGES // 20
    for size in sizes(16):
        verify(MULTIRES, f"r{size}")
    assert kills >= 2
    trials.reached(f"{kills} kills; {most} images a kill, or fewer, decoded again")
