"""Where the project lies, and what is too large for the system's temporary folder."""

import os
import tempfile
from pathlib import Path


def project_root() -> Path:
    """The folder that holds `.dvc`: the main checkout, also inside an experiment's workspace."""
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"])
    here = Path.cwd()
    return next((p for p in [here, *here.parents] if (p / ".dvc").is_dir()), here)


def in_main_checkout(path: str) -> Path:
    """Return where a path of the user's leads: a relative one starts at the main checkout.

    DVC runs queued and temporary experiments in a copy of what git tracks, and git does not track
    the user's files.
    """
    root = project_root()
    return Path(path) if root.resolve() == Path.cwd() else root / path


def folder_for_much() -> Path:
    """Where large temporary files lie: `TMPDIR` if set, else the project, if it may be written to.

    The system's temporary folder, which is the last resort, is memory on many machines.
    """
    root = project_root()
    elsewhere = "TMPDIR" in os.environ or not os.access(root, os.W_OK)
    return Path(tempfile.gettempdir()) if elsewhere else root
