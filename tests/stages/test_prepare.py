"""The stage prepare from outside: however it is ended, in order, with nothing left running."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from tinyparams import ROOT

from pgpipe.data.feeding.multires import HELD_OUT, ImageStore, everything, read_manifest
from pgpipe.data.preparing import workers
from pgpipe.plumbing.hashes import sha256_tree
from stages import prepare
from stages.paths import MULTIRES, RAW, images

pytestmark = pytest.mark.slow

SECONDS = 20.0  # that the end may take
IMAGES = 200_000  # that take longer than a test


def write_params(folder: Path) -> None:
    """The tests' params.yaml with an array of the user's as the data set."""
    text = (ROOT / "tests/params.yaml").read_text()
    for old, new in (("name: photos", "name: npz"), ("resolution: 64", "resolution: 16")):
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "params.yaml").write_text(text)


def hold_out(folder: Path, share: float) -> None:
    """Change that parameter."""
    file = folder / "params.yaml"
    text, found = re.subn(r"held_out: \S+", f"held_out: {share}", file.read_text())
    assert found == 1
    file.write_text(text)


def write_raw(folder: Path, count: int) -> None:
    """Images that have to be made smaller."""
    images = np.random.default_rng(0).integers(0, 256, (100, 17, 17, 3), dtype=np.uint8)
    (folder / RAW).mkdir(parents=True)
    np.savez(folder / RAW / "own.npz", images=np.tile(images, (count // 100, 1, 1, 1)))


@pytest.fixture
def running(project: Path) -> Iterator[subprocess.Popen[str]]:
    """The stage, while it has images made."""
    write_params(project)
    write_raw(project, IMAGES)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "pgpipe", "prepare"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while not any(Path(".pgpipe/prepare").rglob("*.npy")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        yield process
        process.kill()


def require_end(process: subprocess.Popen[str], children: list[psutil.Process]) -> str:
    """The only line of what it said, and that its children have ended."""
    _, stderr = process.communicate(timeout=SECONDS)
    gone, alive = psutil.wait_procs(children, SECONDS)
    assert not alive
    assert gone
    assert len(stderr.splitlines()) <= 1, stderr
    return stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whole_group", [True, False])
def test_a_signal_ends_it_in_order(
    number: int, whole_group: bool, running: subprocess.Popen[str]
) -> None:
    children = psutil.Process(running.pid).children()
    (os.killpg if whole_group else os.kill)(running.pid, number)
    assert require_end(running, children) == "pgpipe: error: interrupted\n"
    assert running.returncode == 75
    assert not (MULTIRES / "manifest.json").exists()


@pytest.mark.parametrize(
    ("child", "reason"), [(0, "the process that reads it was killed"), (-1, "ended with -9")]
)
def test_a_dead_worker_is_one_line_of_exit_4(
    running: subprocess.Popen[str], child: int, reason: str
) -> None:
    children = psutil.Process(running.pid).children()
    children[child].kill()
    assert reason in require_end(running, children)
    assert running.returncode == 4


def test_workers_do_not_outlive_it(running: subprocess.Popen[str]) -> None:
    children = psutil.Process(running.pid).children()
    running.kill()
    assert require_end(running, children) == ""


def test_the_bytes_are_those_of_one_process(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_params(project)
    write_raw(project, 1000)
    found = set()
    for cores in (1, 2, 5):
        monkeypatch.setattr(workers, "cores", lambda cores=cores: cores)
        prepare.run()
        found.add(sha256_tree(MULTIRES))
    assert len(found) == 1
    assert read_manifest(MULTIRES)["count"] == 1000


def test_what_is_held_out_is_apart_from_all_else(project: Path) -> None:
    """Each of a hundred images is there ten times, always on one side."""
    write_params(project)
    write_raw(project, 1000)
    prepare.run()
    whole = everything(ImageStore(images(16)))[:]
    hold_out(project, 0.3)
    prepare.run()
    trained = everything(ImageStore(images(16)))[:]
    apart = everything(ImageStore(MULTIRES / HELD_OUT / "r16"))[:]
    manifest = read_manifest(MULTIRES)
    assert (manifest["count"], manifest["held_out"]) == (len(trained), len(apart))
    assert len(apart) == 10 * len({image.tobytes() for image in apart})
    assert 100 < len(apart) < 500
    both = [image.tobytes() for image in np.concatenate([trained, apart])]
    assert sorted(both) == sorted(image.tobytes() for image in whole)
    hold_out(project, 0)
    prepare.run()
    assert not (MULTIRES / HELD_OUT).exists()
