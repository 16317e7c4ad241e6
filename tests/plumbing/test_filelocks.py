"""Locks are refused or waited for, and end with their holder."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgpipe.commands.app import outcome
from pgpipe.data.preparing import places
from pgpipe.errors import LockedError
from pgpipe.plumbing import locks
from pgpipe.training.checkpoint import StateFolder
from pgpipe.upkeep import live

HOLDER = """
import os, sys, time
from pathlib import Path
from pgpipe.training.checkpoint import StateFolder

with StateFolder(Path(sys.argv[1])).locked():
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path) -> Iterator[int]:
    """The process id of a process that holds a folder of states; it is killed, not its child."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            yield process.pid
            process.kill()
            process.wait()
            os.kill(child, 0)  # it lives on
            with StateFolder(folder).locked():
                pass
        finally:
            process.kill()
            os.kill(child, signal.SIGKILL)


def test_a_lock_names_its_holder_and_ends_with_it_though_its_children_live(tmp_path: Path) -> None:
    with holder(tmp_path) as pid:
        with pytest.raises(LockedError) as raised, StateFolder(tmp_path).locked():
            pass
        assert str(raised.value) == f"{tmp_path}: process {pid} trains here"
        assert places.taken(tmp_path) is None


def test_a_training_that_meets_a_repair_names_it(tmp_path: Path) -> None:
    states = tmp_path / ".pgpipe/state/r4-0"
    states.mkdir(parents=True)
    (states / "lock").write_text("1234567")  # of a training that has ended
    with (
        live.alone_in(tmp_path),
        pytest.raises(LockedError, match=f": process {os.getpid()} trains here$"),
        StateFolder(states).locked(),
    ):
        pass


def test_one_after_another_waits_for_its_turn(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")

    def add(_: int) -> None:
        with locks.waiting(tmp_path / "folder" / "lock"):
            count.write_text(str(int(count.read_text()) + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert count.read_text() == "40"


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOLCK, "has no locks"), (errno.ENOSYS, "cannot do this")]
)
def test_a_file_system_without_locks_is_told_and_not_taken_for_a_live_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def without(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", without)
    with pytest.raises(OSError) as raised, StateFolder(tmp_path).locked():  # noqa: PT011
        pass
    code, told = outcome(raised.value)
    assert code == 2
    assert told.endswith(f": the file system {words}; use a local disk")


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(OSError) as raised, StateFolder(tmp_path).locked():  # noqa: PT011
        pass
    code, told = outcome(raised.value)
    assert code == 2
    assert told == f"{tmp_path}/lock: a folder where a file has to be; move it away"
