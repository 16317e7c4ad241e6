"""How fast phases were trained on this machine before: how long the next training will take.

A memory that may be lost: images per second, by all that is known to decide them.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pgpipe.errors import PgpipeError
from pgpipe.gan.schedule import Phase
from pgpipe.plumbing.files import write_json
from pgpipe.plumbing.hashes import sha256_json

FILE = ".pgpipe/rates.json"
NO_MATTER = {"seed", "tick_kimg", "checkpoint_minutes", "select", "mirror"}  # keys of `train`


def key_of(document: Mapping[str, Any], phase: Phase) -> str:
    """Return what the speed of a phase is remembered by."""
    train = {name: value for name, value in document["train"].items() if name not in NO_MATTER}
    return sha256_json([document["model"], train, phase.res, phase.minibatch])[:16]


def remember(root: Path, key: str, per_second: float) -> None:
    """Note the images per second of a phase; what cannot be noted is forgotten."""
    try:
        write_json(root / FILE, known(root) | {key: round(per_second, 3)})
    except (OSError, PgpipeError):
        return


def known(root: Path) -> dict[str, float]:
    """Return the speeds that are remembered."""
    try:
        found = json.loads((root / FILE).read_bytes())
        return {key: float(value) for key, value in found.items() if float(value) > 0}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def hours(root: Path, document: Mapping[str, Any], phases: Iterable[Phase]) -> float | None:
    """Return how long phases take at the speeds of before; None where one is not known."""
    speeds, seconds = known(root), 0.0
    for phase in phases:
        if (speed := speeds.get(key_of(document, phase))) is None:
            return None
        seconds += phase.images / speed
    return seconds / 3600
