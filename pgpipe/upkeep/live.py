"""Whether anybody works in a project: repairs are for what the dead have left.

A living process is known by a lock that dies with it (our states and jobs, DVC's own lock), by
DVC's `rwlock` and the queue's pid files where the number is not another's by now, or by its folder.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import psutil

from pgpipe.errors import LockedError
from pgpipe.plumbing import locks

LOCKS = (".pgpipe/state/*/lock", ".pgpipe/jobs/lock", ".pgpipe/jobs/*/lock")
DVC_LOCK = ".dvc/tmp/lock"  # DVC holds it by flock, too
RWLOCKS = (".dvc/tmp/rwlock", ".dvc/tmp/exps/rwlock")
WORKERS = ".dvc/tmp/exps/celery/*.pid"


@contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """Keep trainers and DVC out of a project while the block runs.

    Raises:
        LockedError: a live process is at work there; its pid is named.
    """
    with ExitStack() as stack:
        for file in [*(file for lock in LOCKS for file in root.glob(lock)), root / DVC_LOCK]:
            stack.enter_context(locks.alone(file, partial(holding, file)))
        for pid, what in [*in_rwlocks(root), *workers(root), *in_folder(root)]:
            raise LockedError(f"process {pid} ({what}) is at work here; wait for it, or end it")
        yield


def holding(file: Path, pid: int) -> str:
    """Return the message about a process that holds a lock."""
    return f"process {pid} holds {file}; wait for it, or end it"


def in_rwlocks(root: Path) -> Iterator[tuple[int, str]]:
    """Live processes that read or write outputs, with their commands."""
    for file in RWLOCKS:
        for pid, command in entries(root / file):
            words = " ".join(arguments(pid))
            if words and words.endswith(command.partition(" ")[2]):
                yield pid, command


def entries(rwlock: Path) -> list[tuple[int, str]]:
    """Pid and command of all entries of an rwlock; none where it cannot be read."""
    try:
        content = json.loads(rwlock.read_text())
        writers, readers = content.get("write", {}), content.get("read", {})
        infos = [*writers.values(), *(info for some in readers.values() for info in some)]
        return [(int(info["pid"]), str(info["cmd"])) for info in infos]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []


def workers(root: Path) -> Iterator[tuple[int, str]]:
    """Live workers of the queue of experiments."""
    for file in root.glob(WORKERS):
        pid = locks.first_number(file)
        if pid and is_ours(arguments(pid)):
            yield pid, "a worker of dvc queue"


def in_folder(root: Path) -> Iterator[tuple[int, str]]:
    """Live processes of DVC or of a stage whose current folder is in the project."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words, folder = process.info["cmdline"] or [], process.info["cwd"]
        inside = folder is not None and Path(folder).is_relative_to(root.resolve())
        if inside and process.pid not in mine and is_ours(words):
            yield process.pid, " ".join(words[-4:])


def is_ours(words: list[str]) -> bool:
    """Whether a command line is DVC's, or a stage's as dvc.yaml writes it."""
    names = [Path(word).name for word in words[:4]]
    return "dvc" in names or ("-m", "pgpipe") in pairwise(words)


def arguments(pid: int) -> list[str]:
    """The command line of a process; nothing where it has ended."""
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []
