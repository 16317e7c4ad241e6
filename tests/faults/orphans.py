"""What a killed dvc leaves: processes that are nobody's children any more, and torn files."""

import time

import psutil
from tinyproject import Project

from faults.warm import PATIENCE
from pgpipe.errors import IntegrityError
from pgpipe.upkeep import lockfile

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


def repaired(project: Project) -> list[str]:
    """The files that DVC, which writes them in place, has left torn; `pgpipe repair` mends them."""
    names = torn(project)
    if names:
        project.run("pgpipe", "repair")
        assert not torn(project)
    return names


def torn(project: Project) -> list[str]:
    """Of DVC's two files in which it would not go on: those that are not whole."""
    rwlock = project.folder / ".dvc/tmp/rwlock"
    names = ["rwlock"] if rwlock.exists() and not rwlock.read_text() else []
    try:
        lockfile.read(project.folder)
    except IntegrityError:
        names.append("dvc.lock")
    return names


def runs(process: psutil.Process) -> bool:
    """Whether it runs; a zombie has ended, and only its foster parent has not looked yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
