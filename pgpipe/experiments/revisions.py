"""Reading single files of git revisions, and the experiments that DVC keeps as git refs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pgpipe.config import PARAMS_FILE, USERS, Bounds, Document, parse_yaml
from pgpipe.errors import UsageError
from pgpipe.plumbing.git import git
from pgpipe.plumbing.project import require_git

# refs/exps/BASELINE/NAME; what else lies in refs/exps is DVC's own
EXPERIMENT_REF = re.compile(r"refs/exps/(?P<baseline>[0-9a-f]{2}/[0-9a-f]{38})/(?P<name>.+)")


class Ref(NamedTuple):
    """A finished experiment: its name, its commit, and when that was made (seconds since 1970)."""

    name: str
    commit: str
    time: int
    baseline: str = ""  # the commit that it started from


def require_project() -> None:
    """Check that experiments are possible here.

    Raises:
        UsageError: the folder is no DVC project's root, or git has no commit of it.
    """
    if not Path(".dvc").is_dir():
        raise UsageError("no DVC project here: run pgpipe from the project's root")
    require_git()
    if git("rev-parse", "--verify", "HEAD") is None:
        raise UsageError(
            "experiments start from a git commit, and there is none; run: git add -A && "
            "git commit -m sources"
        )


def experiment_refs() -> Iterator[Ref]:
    """All experiments that DVC has kept, whichever commit they started from."""
    answer = git("for-each-ref", "--format=%(refname) %(objectname) %(committerdate:unix)")
    for line in (answer or b"").decode().splitlines():
        ref, commit, time = line.rsplit(" ", 2)
        if found := EXPERIMENT_REF.fullmatch(ref):
            baseline = found["baseline"].replace("/", "")
            yield Ref(found["name"], commit, int(time), baseline)


def read(revision: str, file: Path) -> bytes | None:
    """The content of `file`, relative to the current folder, in a revision; None without it."""
    return git("show", f"{revision}:./{file.as_posix()}")


def read_yaml(revision: str, file: Path = PARAMS_FILE, bounds: Bounds = USERS) -> Document | None:
    """The mapping in a YAML file of a revision; None where there is none."""
    content = read(revision, file)
    try:
        if content is None:
            return None
        return parse_yaml(content.decode(), f"{revision}:{file}", bounds=bounds)
    except (UsageError, UnicodeDecodeError):
        return None
