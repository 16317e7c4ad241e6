"""Processes that share the work of one: order, errors, deaths."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from tinyproject import ROOT

from pgpipe.data.preparing.workers import Workers
from pgpipe.errors import IntegrityError, ResourceError
from pgpipe.images import Images

SECONDS = 5.0  # that an orphan may take to notice


def fill(task: int, slot: Images) -> int:
    """The later a task is, the sooner it is done."""
    time.sleep(0.01 / (1 + task % 4))
    slot[:] = task
    return os.getpid()


def killed_at_3(task: int, _slot: Images) -> None:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)


def out_of_memory(_task: int, _slot: Images) -> None:
    raise MemoryError


def broken(task: int, _slot: Images) -> None:
    raise KeyError(task)


@pytest.mark.parametrize("processes", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 5, 50])
def test_results_come_in_order_with_their_own_slots(processes: int, count: int) -> None:
    with Workers(fill, 16, processes) as workers:
        found = [(pid, set(slot.tolist())) for pid, slot in workers.results(iter(range(count)))]
    assert [values for _, values in found] == [{number} for number in range(count)]
    assert len({pid for pid, _ in found}) == min(processes, count)
    assert os.getpid() not in {pid for pid, _ in found}


def test_slots_bound_how_far_readers_are_ahead() -> None:
    taken = 0

    def tasks() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    with Workers(fill, 16, 2) as workers:
        for given, _ in enumerate(workers.results(tasks())):
            assert taken - given <= 3 * 2


def test_a_dead_process_is_the_users_error() -> None:
    with (
        pytest.raises(ResourceError, match="ended with -9: most likely the memory") as caught,
        Workers(killed_at_3, 16, 2) as workers,
    ):
        list(workers.results(iter(range(10))))
    assert "\n" not in str(caught.value)


def test_what_work_raises_is_raised_here_with_its_traceback() -> None:
    with pytest.raises(MemoryError), Workers(out_of_memory, 16, 2) as workers:
        list(workers.results(iter(range(3))))
    with pytest.raises(KeyError) as caught, Workers(broken, 16, 1) as workers:
        list(workers.results(iter([7])))
    assert "in broken" in caught.value.__notes__[0]


def test_an_error_of_the_tasks_comes_after_the_results_before_it() -> None:
    def tasks() -> Iterator[int]:
        yield from range(4)
        raise IntegrityError("the end")

    found: list[int] = []
    with pytest.raises(IntegrityError, match="the end"), Workers(fill, 1, 3) as workers:
        found.extend(int(slot[0]) for _, slot in workers.results(tasks()))
    assert found == [0, 1, 2, 3]


def test_no_process_is_left_behind() -> None:
    with Workers(fill, 16, 3) as workers:
        pids = [process.pid for process in workers.processes.values()]
        next(workers.results(iter(range(9))))
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)


def test_signals_to_all_are_left_to_the_one_that_asked() -> None:
    with Workers(fill, 16, 2) as workers:
        for process in workers.processes.values():
            for number in (signal.SIGINT, signal.SIGTERM):
                os.kill(process.pid or 0, number)
        assert len(list(workers.results(iter(range(9))))) == 9


ORPHANS = """
import os, signal, sys
from pgpipe.data.preparing.workers import Workers
with Workers(lambda task, slot: None, 16, 3) as workers:
    print(*(process.pid for process in workers.processes.values()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_orphans_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS], cwd=ROOT, stdout=subprocess.PIPE, check=False, text=True
    )
    assert done.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 3
    end = time.monotonic() + SECONDS
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_memory_is_shared_not_copied() -> None:
    with Workers(fill, 16, 2) as workers:
        for number, (_, slot) in enumerate(workers.results(iter(range(8)))):
            assert np.shares_memory(slot, workers.slots)
            assert (slot == number).all()
