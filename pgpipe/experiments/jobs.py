"""Experiments as jobs: each is a git ref, and a folder for its lock, its log and its workspace.

The ref leads to what DVC stashes for an experiment that waits in its queue, on top of the commit
that it starts from, and goes when the experiment is done. The folder is on the disk that all
machines share: whoever runs the job holds its lock, which dies with the process.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pgpipe.config import PARAMS_FILE, Document, load_yaml
from pgpipe.experiments.logs import KILLED, error_in
from pgpipe.experiments.queue import interrupt_deferred, overrides
from pgpipe.plumbing import locks
from pgpipe.plumbing.files import write_bytes
from pgpipe.plumbing.git import git

if TYPE_CHECKING:
    from dvc.repo import Repo

Outcome = tuple[str, bool]  # what to say of a job, and whether it has failed

REFS = "refs/pgpipe/jobs"  # outside of refs/exps, where DVC takes every ref for one of its own
FOLDER = Path(".pgpipe/jobs")
NOT_HANDED_OUT = "its pgpipe study run ended before it was handed out"
HANDING_OUT = FOLDER / "lock"  # held by the one process that hands out jobs


class Given(NamedTuple):
    """What a job was given to: an executor, its number there, and the file of what it says."""

    executor: str
    number: str
    log: Path


class Job(NamedTuple):
    """An experiment to run: its name, and the commit that DVC has stashed."""

    name: str
    commit: str

    @property
    def ref(self) -> str:
        """The git ref that keeps the commit until the experiment is done."""
        return f"{REFS}/{self.name}"

    @property
    def folder(self) -> Path:
        """The folder of its lock, of its log and, while it runs, of its workspace."""
        return FOLDER / self.name

    @property
    def lock(self) -> Path:
        """The file that its process has locked; it holds the process's number."""
        return self.folder / "lock"

    @property
    def baseline(self) -> str:
        """The commit that the experiment starts from."""
        return (git("rev-parse", f"{self.commit}^1") or b"").decode().strip()

    @property
    def is_current(self) -> bool:
        """Whether the job is still to be run by this commit: not forgotten, and not put anew."""
        return (git("rev-parse", "-q", "--verify", self.ref) or b"").decode().strip() == self.commit

    @property
    def is_done(self) -> bool:
        """Whether DVC has the finished experiment."""
        start = self.baseline
        ref = f"refs/exps/{start[:2]}/{start[2:]}/{self.name}"
        return git("rev-parse", "-q", "--verify", ref) is not None

    def give(self, given: Given) -> None:
        """Write down what runs it."""
        write_bytes(self.folder / "given", "\n".join(map(str, given)).encode())

    def given(self) -> Given | None:
        """Return what runs it, or has run it; None where it was not handed out."""
        try:
            executor, number, log = (self.folder / "given").read_text().split("\n", 2)
        except FileNotFoundError:
            return None
        return Given(executor, number, Path(log))

    def forget(self) -> None:
        """Let git forget the job; what it has said stays."""
        git("update-ref", "-d", self.ref)
        (self.folder / "given").unlink(missing_ok=True)


def known() -> list[Job]:
    """Return the jobs that are not done, the oldest first."""
    form = "--format=%(refname) %(objectname)"
    answer = git("for-each-ref", "--sort=committerdate", form, REFS) or b""
    found = [line.rsplit(" ", 1) for line in answer.decode().splitlines()]
    return [Job(ref.removeprefix(f"{REFS}/"), commit) for ref, commit in found]


def put(repo: "Repo", name: str, document: Document) -> Job:
    """Stash `document` as an experiment on top of the workspace, as DVC's queue does.

    Like `queue.put` it restores the workspace, and must not be cut short.
    """
    from dvc.repo import lock_repo
    from dvc.repo.experiments.queue.tempdir import TempDirQueue

    changes = list(overrides(load_yaml(PARAMS_FILE), document))
    params = {str(PARAMS_FILE): changes} if changes else None
    stash = TempDirQueue(repo, f"{REFS}/{name}")
    with interrupt_deferred(), lock_repo(repo):
        entry = repo.experiments.queue_one(stash, name=name, params=params, targets=None)
    return Job(name, entry.stash_rev)


def handing_out() -> AbstractContextManager[None]:
    """Be the one process of the project that hands out jobs while a block runs.

    Raises:
        LockedError: another one is.
    """
    HANDING_OUT.parent.mkdir(parents=True, exist_ok=True)
    return locks.alone(HANDING_OUT, other_hands_out)


def other_hands_out(pid: int) -> str:
    """Return the message about the process that hands out jobs."""
    return f"pgpipe study run, process {pid}, hands out jobs here; wait for it, or end it"


def said(given: Given | None) -> str:
    """Return the last error in the log of a job."""
    if given is None:
        return NOT_HANDED_OUT
    return error_in(given.log) if given.log.exists() else KILLED
