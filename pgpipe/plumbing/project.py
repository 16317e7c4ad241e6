"""Where the project lies, and what is too large for the system's temporary folder."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from pgpipe.errors import UsageError
from pgpipe.plumbing.git import git


def project_root() -> Path:
    """The folder that holds `.dvc`: the main checkout, also inside an experiment's workspace.

    Raises:
        UsageError: DVC_ROOT names no folder, or the current one was removed.
    """
    if "DVC_ROOT" in os.environ:
        root = os.environ["DVC_ROOT"]
        if not os.path.isdir(root):  # noqa: PTH112 - of a path that is too long, too
            raise UsageError(f"DVC_ROOT: {root!r} is no folder; DVC sets it itself: unset it")
        return Path(root)
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise UsageError("the current folder is no more; go to the project's root") from None
    return next((p for p in [here, *here.parents] if (p / ".dvc").is_dir()), here)


def find_stages() -> None:
    """Let `stages` be imported from the project that the current folder is in.

    An installed pgpipe has none: stages are a project's own, as its dvc.yaml is.
    """
    if find_spec("stages") is None:
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / "dvc.yaml").is_file() and (folder / "stages/__init__.py").is_file():
                sys.path.insert(0, str(folder))
                return


def in_main_checkout(path: str) -> Path:
    """Return where a path of the user's leads: a relative one starts at the main checkout.

    DVC runs queued and temporary experiments in a copy of what git tracks, and git does not track
    the user's files.
    """
    root = project_root()
    return Path(path) if root.resolve() == Path.cwd() else root / path


def overlap(path: Path, others: Iterable[Path]) -> Path | None:
    """Return the first of some places that `path` is, lies in, or holds; None where there is none.

    The places are relative to the project's root, and to the workspace of an experiment.
    """
    found = path.resolve()
    for other in others:
        for root in {project_root().resolve(), Path.cwd()}:
            place = (root / other).resolve()
            if found.is_relative_to(place) or place.is_relative_to(found):
                return other
    return None


def folder_for_much() -> Path:
    """Where large temporary files lie: `TMPDIR` if set, else the project, if it may be written to.

    The system's temporary folder, which is the last resort, is memory on many machines.
    """
    root = project_root()
    elsewhere = "TMPDIR" in os.environ or not os.access(root, os.W_OK)
    return Path(tempfile.gettempdir()) if elsewhere else root


def require_home() -> None:
    """Refuse a user without a home folder, in which DVC and MLflow look for their settings.

    Raises:
        UsageError: HOME is not set, and the user has no name to look one up by.
    """
    try:
        Path.home()
    except RuntimeError:
        raise UsageError(
            f"HOME: not set, and user {os.getuid()} has no name; set it to a folder of yours"
        ) from None


def require_git() -> None:
    """Refuse a DVC project without git, which DVC does not work without.

    Raises:
        UsageError: git is not installed, or the project is in no repository, or in one that git
            does not trust, or its path is no text, which neither DVC nor MLflow can work with.
    """
    root = project_root().resolve()
    if not (root / ".dvc" / "config").exists():
        return
    if os.fsencode(root).decode(errors="replace") != str(root):
        raise UsageError(f"{root}: not UTF-8; rename the folder")
    if shutil.which("git") is None:
        raise UsageError("git is not installed, and DVC needs it; install it (apt install git)")
    if not any((folder / ".git").exists() for folder in [root, *root.parents]):
        raise UsageError(
            f"{root}: no git repository, which DVC needs; run: git init && git add -A && "
            "git commit -m sources"
        )
    git("rev-parse", "--git-dir")


def fault_of_place() -> str | None:
    """What in the project's path keeps DVC from running experiments in workspaces; else None.

    DVC 3.67 makes an address of the path without encoding it (`dvc queue start`, `--temp`).
    """
    path = str(project_root().resolve())
    strange = sorted({c for c in path if c in "?#" or not (c.isascii() and c.isprintable())})
    return (
        f"{path}: with {', '.join(map(repr, strange))} in it DVC runs experiments in place only, "
        "not by --queue or --temp; move the project for those"
        if strange
        else None
    )
