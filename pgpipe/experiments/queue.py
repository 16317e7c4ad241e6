"""DVC's queue of experiments: what waits, runs or has failed, and how to put something in.

A worker that is killed outright leaves its task marked as running for good. Such a task has
neither a process of its own nor a worker that knows it, and counts as failed here.
"""

import json
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import psutil

from pgpipe.config import PARAMS_FILE, Document, load_yaml
from pgpipe.errors import LockedError, UsageError
from pgpipe.experiments.logs import error_in
from pgpipe.experiments.revisions import read_yaml
from pgpipe.plumbing.project import require_git

if TYPE_CHECKING:
    from types import FrameType

    from dvc.repo import Repo

# Where backslashes escape in the grammar of -S; everywhere else they stand for themselves.
BEFORE_QUOTE = re.compile(r"(\\*)('|$)")

TaskState = Literal["queued", "running", "failed"]


class Task(NamedTuple):
    """An experiment in the queue; `entry` is DVC's name for it."""

    name: str
    state: TaskState
    document: Document | None
    entry: Any
    error: str = ""  # why it failed
    log: str = ""  # the file of what it says, of a job


@contextmanager
def dvc_repo() -> Iterator["Repo"]:
    """This project, as DVC sees it; DVC's failures become the user's."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    require_git()
    try:
        with Repo() as repo:
            yield repo
    except LockError as error:
        raise LockedError(f"DVC is at work in this project; wait for it ({error})") from None
    except DvcException as error:
        raise UsageError(f"dvc: {error}") from None


def tasks(repo: "Repo") -> list[Task]:
    """All tasks of the queue that have not ended well."""
    queue = repo.experiments.celery_queue
    active = list(queue.iter_active())
    lost = [entry for entry in active if not has_process(queue, entry.stash_rev)]
    known = str(queue.worker_status()) if lost else ""  # a second of waiting
    dead = [entry for entry in lost if entry.stash_rev not in known]
    found: list[tuple[TaskState, Any]] = [("queued", entry) for entry in queue.iter_queued()]
    found += [("failed" if entry in dead else "running", entry) for entry in active]
    found += [("failed", done.entry) for done in queue.iter_failed()]
    return [
        Task(
            e.name or e.stash_rev[:7],
            state,
            read_yaml(e.stash_rev),
            e,
            error_of(queue, e.stash_rev) if state == "failed" else "",
        )
        for state, e in found
    ]


def succeeded(repo: "Repo") -> list[str]:
    """The names of the experiments that the queue has run to their end."""
    ended = repo.experiments.celery_queue.iter_success()
    return [done.entry.name or done.entry.stash_rev[:7] for done in ended]


def error_of(queue: Any, revision: str) -> str:
    """Why a task failed: the last error of its log, or where to look if it has not got so far."""
    if (process := queue.proc.get(revision)) is None:
        return f"before its first stage: see {queue.wdir}/dvc-exp-worker-1.out"
    return error_in(Path(process.stdout))


def has_process(queue: Any, revision: str) -> bool:
    """Whether the process that runs a task is alive; its command line names the task."""
    process = queue.proc.get(revision)
    try:
        return process is not None and revision in str(psutil.Process(process.pid).cmdline())
    except psutil.Error:
        return False


def forget(repo: "Repo", failed: list[Task]) -> None:
    """Take tasks that have failed out of the queue, so that it holds an experiment once."""
    from dvc.repo.experiments.queue.remove import remove_tasks

    queue, entries = repo.experiments.celery_queue, [task.entry for task in failed]
    active = {entry.stash_rev for entry in queue.iter_active()}
    end_lost(queue, [e.stash_rev for e in entries if e.stash_rev in active])
    remove_tasks(queue, entries)


def end_lost(queue: Any, revisions: list[str]) -> None:
    """Have DVC see that tasks marked as running have no process.

    It would send a signal to the number that the process had, which may be another's by now, if
    it were not told that the process has ended.
    """
    for revision in revisions:
        if process := queue.proc.get(revision):
            process.returncode = -signal.SIGKILL
            queue.proc[revision] = process
    if revisions:
        queue.kill(revisions, force=True)


def put(repo: "Repo", name: str, document: Document) -> None:
    """Queue `document` as an experiment on top of the workspace.

    DVC changes params.yaml, stashes the result, and restores the workspace, which must not be
    cut short: Ctrl-C and SIGTERM wait until then.
    """
    changes = list(overrides(load_yaml(PARAMS_FILE), document))
    with interrupt_deferred():
        repo.experiments.run(queue=True, name=name, params=changes)


def overrides(old: Document, new: Document, prefix: str = "") -> Iterator[str]:
    """What turns `old` into `new`, in the grammar of `dvc exp run -S`."""
    yield from (f"~{prefix}{key}" for key in old if key not in new)
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            yield from overrides(before, value, f"{prefix}{key}.")
        elif key not in old or literal(before) != literal(value):
            yield f"++{prefix}{key}={literal(value)}"


def literal(value: object) -> str:
    """A value in that grammar; quoted, a text is always a text."""
    match value:
        case Mapping():
            return "{" + ",".join(f"{key}:{literal(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(literal, value)) + "]"
        case str():
            return f"'{BEFORE_QUOTE.sub(escaped, value)}'"
        case _:
            return json.dumps(value)


def escaped(found: re.Match[str]) -> str:
    """Backslashes and the quote, or the end, that follows them, within quotes."""
    return 2 * found[1] + found[2].replace("'", "\\'")


@contextmanager
def interrupt_deferred() -> Iterator[None]:
    """Let the block end before Ctrl-C or SIGTERM is heard."""
    heard: list[int] = []

    def note(number: int, _: "FrameType | None") -> None:
        heard.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if heard:
        raise KeyboardInterrupt
