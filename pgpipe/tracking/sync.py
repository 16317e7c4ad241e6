"""Replaying every spool into the store: for a store that was away, or lost, or is another one."""

from typing import NamedTuple

from pgpipe.errors import NetworkError
from pgpipe.tracking.push import push
from pgpipe.tracking.spool import RUN_FILE, runs_folder
from pgpipe.tracking.store import StoreAway, ensure_database, store_errors


class Synced(NamedTuple):
    """How many runs there are, and how much the store lacked of them."""

    runs: int
    points: int
    artifacts: int


def sync() -> Synced:
    """Make the store equal to all spools of this project.

    Raises:
        NetworkError: the store cannot be used.
    """
    folders = sorted(file.parent for file in runs_folder().glob(f"*/{RUN_FILE}"))
    try:
        with store_errors():
            ensure_database()
        pushed = [push(folder) for folder in folders]
    except StoreAway as away:
        raise NetworkError(
            f"{away}; the runs stay in {runs_folder()}, run pgpipe sync again later"
        ) from None
    return Synced(len(pushed), sum(p.points for p in pushed), sum(p.artifacts for p in pushed))
