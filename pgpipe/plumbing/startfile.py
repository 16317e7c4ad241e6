"""Where the networks lie that a training starts from: `model.start` of params.yaml."""

import re
from pathlib import Path
from urllib.parse import quote

from pgpipe.errors import UsageError
from pgpipe.plumbing import sealed
from pgpipe.plumbing.layout import GENERATOR, NETWORKS, STATE
from pgpipe.plumbing.project import in_main_checkout, project_root

KEY = "model.start"
RUNS = "runs:/"  # how the address begins of what a run has logged in MLflow
ADDRESS = re.compile(RUNS + r"(?P<run>[0-9A-Za-z_-]{1,64})(/(?P<path>[^\0]*))?")
HOLDING = (STATE, NETWORKS, GENERATOR)  # files of a folder that hold networks, the fullest first


def require_address(text: str) -> re.Match[str]:
    """Return the parts of the address of what a run has logged.

    Raises:
        UsageError: it is none.
    """
    if (found := ADDRESS.fullmatch(text)) is None:
        raise UsageError(f"{text}: no address of a run, such as runs:/0123abcd")
    return found


def place_of(start: str) -> Path:
    """Return where a start leads in every workspace: what a run's address brought is kept."""
    if start.startswith(RUNS):
        return project_root() / ".pgpipe/starts" / quote(start, safe="")
    return in_main_checkout(start)


def file_of(start: str) -> Path:
    """Return the file at a start that holds the networks.

    Raises:
        UsageError: there is none.
    """
    place = place_of(start)
    found = [place / name for name in HOLDING if (place / name).is_file()]
    if place.is_dir() and not found:
        raise UsageError(f"{KEY}: {place}: a folder without {', '.join(HOLDING)}")
    if not place.exists():
        raise UsageError(
            f"{KEY}: {place}: not found; name a copy of a models/rN folder, an exported "
            "folder, or a file of one"
        )
    return found[0] if found else place


def seen(file: Path) -> str | None:
    """Return the SHA-256 of the networks that `find` has seen, if any, from what it wrote."""
    listed = sealed.read_json(file) if file.exists() else {KEY: ""}
    with sealed.blaming(file, "list of files"):
        rows = listed[KEY]
        return str(rows[0][2]) if isinstance(rows, list) else None
