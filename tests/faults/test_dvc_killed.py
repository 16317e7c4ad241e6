"""DVC killed with SIGKILL: `pgpipe repair`, then `dvc repro`, and the bits are the same."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toyproject import Toy

SEED = 11
PLACES = [
    (file, call, number)
    for file in ("dvc.lock", ".dvc/tmp/rwlock")
    for call in ("openat", "write")
    for number in (1, 2, 3)
]  # DVC writes both files in place


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The result of a run that nobody killed."""
    toy = Toy(tmp_path_factory.mktemp("whole"))
    toy.run("dvc", "repro")
    return toy.contents()


def killed_at(toy: Toy, file: str, call: str, number: int) -> None:
    """Have DVC killed as it enters its n-th system call of a kind on a file."""
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"]
    trace = ["strace", "-f", "-qq", "-o", str(toy.folder / "trace"), "-P", str(toy.folder / file)]
    done = subprocess.run(
        [*trace, *inject, sys.executable, "-m", "dvc", "repro"],
        cwd=toy.folder,
        env=toy.environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
    (toy.folder / "trace").unlink()


def ends_alike(toy: Toy, whole: dict[str, bytes]) -> None:
    """After a repair the pipeline ends with the same bits, and all that is stored is whole."""
    toy.run("pgpipe", "repair")
    toy.run("dvc", "repro")
    assert toy.contents() == whole
    toy.run("pgpipe", "verify")


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize(
    ("file", "call", "number"),
    [p if p[1:] == ("write", 1) else pytest.param(*p, marks=pytest.mark.faults) for p in PLACES],
)
def test_killed_at_a_write_in_place(
    tmp_path: Path, whole: dict[str, bytes], file: str, call: str, number: int
) -> None:
    toy = Toy(tmp_path)
    killed_at(toy, file, call, number)
    if call == "write":
        assert (tmp_path / file).read_bytes() == b"", "DVC has cut it off"
        assert toy.start("dvc", "repro").wait(60) != 0, "and cannot go on by itself"
    ends_alike(toy, whole)


@pytest.mark.faults
def test_killed_at_random_times(tmp_path: Path, whole: dict[str, bytes]) -> None:
    chance, toy = random.Random(SEED), Toy(tmp_path)
    for _ in range(15):
        process = toy.start("dvc", "repro", "--force")
        time.sleep(chance.uniform(0.3, 2.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        toy.run("pgpipe", "repair")
    ends_alike(toy, whole)
    sys.stdout.write(f"dvc repro killed 15 times, seed {SEED}: the same bits\n")


@pytest.mark.faults
def test_a_task_whose_worker_was_killed_is_no_longer_running(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    toy.run("dvc", "repro")
    toy.commit()
    toy.slow = 60
    toy.run("dvc", "exp", "run", "--queue", "-n", "lost", "-S", "two=3")
    silent = subprocess.DEVNULL  # a pipe would stay open as long as the worker lives
    command = [sys.executable, "-m", "dvc", "queue", "start"]
    subprocess.run(
        command, cwd=tmp_path, env=toy.environment, stdout=silent, stderr=silent, check=True
    )
    worker = int((tmp_path / ".dvc/tmp/exps/celery/dvc-exp-worker-1.pid").read_text())
    while not list(tmp_path.glob(".dvc/tmp/exps/tmp*/out/one")):
        time.sleep(0.1)
    refusal = toy.run("pgpipe", "repair", code=5)
    assert f"process {worker} " in refusal
    os.killpg(os.getpgid(worker), signal.SIGKILL)
    time.sleep(0.5)
    assert "Running" in toy.run("dvc", "queue", "status")
    repaired = toy.run("pgpipe", "repair")
    assert "experiment lost: runs nowhere; marked as failed" in repaired
    assert "workspace of a dead experiment" in repaired
    status = toy.run("dvc", "queue", "status")
    assert "Failed" in status
    assert "Running" not in status
    assert not list(tmp_path.glob(".dvc/tmp/exps/tmp*"))
