"""What a task of DVC's queue said last: `dvc queue start` and `--run-all` end well all the same."""

from pathlib import Path

TAIL_BYTES = 1 << 16
OURS, DVC = "pgpipe: error: ", "ERROR: "
KILLED = "ended without an error: killed, alone or with its worker"


def error_in(log: Path) -> str:
    """Return the last error that pgpipe, or else DVC, has written into a log."""
    with log.open("rb") as file:
        file.seek(-min(TAIL_BYTES, log.stat().st_size), 2)
        lines = file.read().decode(errors="replace").splitlines()
    for mark in (OURS, DVC):
        found = [text for line in lines if (text := line.partition(mark)[2])]
        if found:
            return found[-1]
    return KILLED
