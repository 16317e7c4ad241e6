"""What killed experiments leave in DVC and git, and how each is mended."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pgpipe.experiments import queue
from pgpipe.plumbing.git import git
from pgpipe.upkeep.mends import Mend, is_json, set_aside

if TYPE_CHECKING:
    from dvc.repo import Repo

QUEUE = ".dvc/tmp/exps/celery"
RECORDS = ".dvc/tmp/exps/run/*/*.run"  # JSON, written in place
WORKSPACES = (".dvc/tmp/exps/tmp*", ".pgpipe/jobs/*/tmp*")
EXEC_HEAD = "refs/exps/exec/EXEC_HEAD"  # the commit on which `dvc exp run` works


def records(root: Path) -> Iterator[Mend]:
    """DVC's queue cannot be listed while one of them is cut off."""
    for file in sorted(root.glob(RECORDS)):
        if not is_json(file):
            line = f"{file.relative_to(root)}: not JSON; set aside"
            yield Mend(line, partial(set_aside, root, file))


def lost_tasks(repo: "Repo") -> Iterator[Mend]:
    """Tasks that are marked as running; where nobody is at work, no process runs them."""
    if not (Path(repo.root_dir) / QUEUE).exists():
        return
    tasks = repo.experiments.celery_queue
    for entry in list(tasks.iter_active()):
        line = f"experiment {entry.name or entry.stash_rev[:7]}: runs nowhere; marked as failed"
        yield Mend(line, partial(queue.end_lost, tasks, [entry.stash_rev]))


def workspaces(root: Path) -> Iterator[Mend]:
    """Checkouts in which experiments ran; what their training saved is not in there."""
    for folder in sorted(found for place in WORKSPACES for found in root.glob(place)):
        if folder.is_dir():
            line = f"{folder.relative_to(root)}: workspace of a dead experiment; removed"
            yield Mend(line, partial(shutil.rmtree, folder, ignore_errors=True))


def detached_head() -> Iterator[Mend]:
    """`dvc exp run` detaches git's HEAD while it works in the workspace."""
    working, head = git("rev-parse", "-q", "--verify", EXEC_HEAD), git("rev-parse", "HEAD")
    if working is None or working != head or git("symbolic-ref", "-q", "HEAD"):
        return
    branches = git("for-each-ref", "--points-at=HEAD", "--format=%(refname)", "refs/heads")
    names = (branches or b"").decode().split()
    if len(names) == 1:
        line = (
            f"git's HEAD: detached by dvc exp run, back on {names[0].removeprefix('refs/heads/')}; "
            "params.yaml keeps the experiment's values"
        )
        yield Mend(line, partial(git, "symbolic-ref", "HEAD", names[0]))
