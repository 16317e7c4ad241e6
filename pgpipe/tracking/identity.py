"""Which run a stage belongs to: one run of the store is one set of parameters, code and data.

DVC tells its commands where the main checkout is (DVC_ROOT) and, in an experiment, its name and
the commit it started from (DVC_EXP_NAME, DVC_EXP_BASELINE_REV). An experiment in a workspace of
its own runs a snapshot, so parameters are those of the current folder.
"""

import colorsys
import getpass
import json
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pgpipe.config import PARAMS_FILE, leaves, load_yaml
from pgpipe.errors import without_credentials
from pgpipe.plumbing.git import git
from pgpipe.plumbing.hashes import sha256_file, sha256_json
from pgpipe.plumbing.project import project_root
from pgpipe.tracking.spool import Run, now_ms

SOURCES = ("pgpipe", "stages", "dvc.yaml")
PACKAGES = ("pgpipe", "torch", "mlflow", "dvc")
LUMINANCE = 0.18  # of a run's colour: contrasts of 4.5 with white, of 3 with MLflow's dark page
LINEAR_RGB = (0.2126, 0.7152, 0.0722)  # shares of the luminance (IEC 61966-2-1)


def this_run(stage: str, experiment: str, made_of: str) -> Run:
    """Return the run that `stage` belongs to, in the current folder.

    Args:
        stage: its name.
        experiment: where the store shows the run.
        made_of: the hash of the code and the data that the run's result comes from.
    """
    document = {name: value for name, value in load_yaml(PARAMS_FILE).items() if name != "tracking"}
    key = sha256_json([document, made_of])[:16]
    return Run(
        key=key,
        name=run_name(),
        experiment=experiment,
        params={path: in_words(value) for path, value in leaves(document)},
        tags={"pgpipe.stage": stage, "mlflow.runColor": colour(key), **origin(), **versions()},
        started_ms=now_ms(),
    )


def summary_run(name: str, experiment: str) -> Run:
    """The run of what sums up other runs: one by its name, whatever parameters there are now."""
    key = sha256_json(["summary", name])[:16]
    return Run(
        key=key,
        name=name,
        experiment=experiment,
        params={},
        tags={"pgpipe.summary": name, "mlflow.runColor": colour(key), **origin(), **versions()},
        started_ms=now_ms(),
    )


def run_name() -> str:
    """The DVC experiment's name, else the short revision, with -dirty for uncommitted changes."""
    revision = asked("rev-parse", "--short", "HEAD")
    status = ("status", "--porcelain", "--untracked-files=no", "--", *SOURCES, str(PARAMS_FILE))
    dirty = "-dirty" if revision and asked("--no-optional-locks", *status) else ""
    return os.environ.get("DVC_EXP_NAME") or (revision or "unversioned") + dirty


def origin() -> dict[str, str]:
    """Tags that say who started a stage, in which checkout, commit, experiment and lock file."""
    lock, commit = Path("dvc.lock"), os.environ.get("DVC_EXP_BASELINE_REV")
    found = {
        "mlflow.user": user(),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": str(project_root().resolve()),
        "mlflow.source.git.commit": commit or asked("rev-parse", "HEAD"),
        "mlflow.source.git.branch": asked("branch", "--show-current"),
        "mlflow.source.git.repoURL": without_credentials(asked("remote", "get-url", "origin")),
        "dvc.experiment": os.environ.get("DVC_EXP_NAME"),
        "dvc.lock": sha256_file(lock) if lock.exists() else None,
    }
    return {name: value for name, value in found.items() if value}


def user() -> str:
    """Return the name of the account, or nothing where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # the latter before Python 3.13
        return ""


def colour(key: str) -> str:
    """Return a run's colour, `#rrggbb`: a hue by its key, legible on light and dark pages."""
    hue, low, high = int(key[:8], 16) / (1 << 32), 0.0, 1.0
    while high - low > 1 / 1024:  # the lightness at which the luminance is as wanted
        middle = (low + high) / 2
        lighter = luminance(colorsys.hls_to_rgb(hue, middle, 0.75)) > LUMINANCE
        low, high = (low, middle) if lighter else (middle, high)
    return "#" + "".join(f"{round(255 * c):02x}" for c in colorsys.hls_to_rgb(hue, low, 0.75))


def luminance(rgb: tuple[float, float, float]) -> float:
    """Return the relative luminance of a colour in sRGB (WCAG 2.2)."""
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return sum(share * c for share, c in zip(LINEAR_RGB, linear, strict=True))


def versions() -> dict[str, str]:
    """Tags with the processor and the versions of what computes, without importing it."""
    found = {"processor": processor(), "version.python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[f"version.{package}"] = version(package)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Return the processor's name where the system tells it, else its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def in_words(value: object) -> str:
    """A parameter as params.yaml writes it, nearly."""
    return value if isinstance(value, str) else json.dumps(value)


def asked(*arguments: str) -> str:
    """Return what git answers as text, or nothing: no git, no repository, no commit yet."""
    return (git(*arguments) or b"").decode(errors="replace").strip()
