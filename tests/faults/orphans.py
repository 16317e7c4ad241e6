"""What a killed dvc leaves: processes that are nobody's children any more, and its lock file."""

import time

import psutil
from tinyproject import Project

from faults.warm import PATIENCE

WITHIN = 10  # seconds after the death of dvc alone in which a stage ends


def wait_for_child(pid: int) -> psutil.Process:
    """The process that a process has started, as soon as there is one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if children := psutil.Process(pid).children(recursive=True):
            return children[0]
        time.sleep(0.01)
    raise AssertionError(f"{pid} starts no process")


def seconds_to_end(processes: list[psutil.Process]) -> float:
    """How long it takes until all have ended, which has to be in time."""
    started = time.monotonic()
    while alive := [process for process in processes if runs(process)]:
        assert time.monotonic() < started + WITHIN, f"{alive} go on"
        time.sleep(0.01)
    return time.monotonic() - started


def remove_empty_lock(project: Project) -> bool:
    """Remove DVC's lock file if it is empty, as DVC, which writes it in place, may leave it."""
    file = project.folder / ".dvc/tmp/rwlock"
    empty = file.exists() and not file.read_text()
    if empty:
        file.unlink()
    return empty


def runs(process: psutil.Process) -> bool:
    """Whether it runs; a zombie has ended, and only its foster parent has not looked yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
