"""Which run a stage belongs to: one run of the store is one set of parameters, code and data.

DVC tells its commands where the main checkout is (DVC_ROOT) and, in an experiment, its name and
the commit it started from (DVC_EXP_NAME, DVC_EXP_BASELINE_REV). An experiment in a workspace of
its own runs a snapshot, so parameters are those of the current folder.
"""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pgpipe.config import PARAMS_FILE, leaves, load_yaml
from pgpipe.plumbing.git import git
from pgpipe.plumbing.hashes import sha256_file, sha256_json
from pgpipe.tracking.spool import Run, now_ms

SOURCES = ("pgpipe", "stages", "dvc.yaml")
PACKAGES = ("pgpipe", "torch", "mlflow", "dvc")


def this_run(stage: str, experiment: str, made_of: str) -> Run:
    """Return the run that `stage` belongs to, in the current folder.

    Args:
        stage: its name.
        experiment: where the store shows the run.
        made_of: the hash of the code and the data that the run's result comes from.
    """
    document = {name: value for name, value in load_yaml(PARAMS_FILE).items() if name != "tracking"}
    return Run(
        key=sha256_json([document, made_of])[:16],
        name=run_name(),
        experiment=experiment,
        params={path: in_words(value) for path, value in leaves(document)},
        tags={"pgpipe.stage": stage, **origin(), **versions()},
        started_ms=now_ms(),
    )


def summary_run(name: str, experiment: str) -> Run:
    """The run of what sums up other runs: one by its name, whatever parameters there are now."""
    return Run(
        key=sha256_json(["summary", name])[:16],
        name=name,
        experiment=experiment,
        params={},
        tags={"pgpipe.summary": name, **origin(), **versions()},
        started_ms=now_ms(),
    )


def run_name() -> str:
    """The DVC experiment's name, else the short revision, with -dirty for uncommitted changes."""
    revision = asked("rev-parse", "--short", "HEAD")
    status = ("status", "--porcelain", "--untracked-files=no", "--", *SOURCES, str(PARAMS_FILE))
    dirty = "-dirty" if revision and asked("--no-optional-locks", *status) else ""
    return os.environ.get("DVC_EXP_NAME") or (revision or "unversioned") + dirty


def origin() -> dict[str, str]:
    """Tags that say from which commit, experiment and lock file a stage started."""
    lock, commit = Path("dvc.lock"), os.environ.get("DVC_EXP_BASELINE_REV")
    found = {
        "mlflow.source.git.commit": commit or asked("rev-parse", "HEAD"),
        "dvc.experiment": os.environ.get("DVC_EXP_NAME"),
        "dvc.lock": sha256_file(lock) if lock.exists() else None,
    }
    return {name: value for name, value in found.items() if value}


def versions() -> dict[str, str]:
    """Tags with the versions of what computes, without importing it."""
    found = {"version.python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[f"version.{package}"] = version(package)
        except PackageNotFoundError:
            continue
    return found


def in_words(value: object) -> str:
    """A parameter as params.yaml writes it, nearly."""
    return value if isinstance(value, str) else json.dumps(value)


def asked(*arguments: str) -> str:
    """Return what git answers as text, or nothing: no git, no repository, no commit yet."""
    return (git(*arguments) or b"").decode(errors="replace").strip()
