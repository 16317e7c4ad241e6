"""Whether the disk that a project is on can be shared by the processes of several machines."""

import subprocess
import sys
from pathlib import Path

from pgpipe.errors import UsageError
from pgpipe.plumbing import locks

MOUNTS = Path("/proc/self/mountinfo")  # of Linux
LOCAL_LOCKS = {"nolock", "local_lock=all", "local_lock=flock", "localflock"}  # NFS's, Lustre's
EXCLUDED = 9  # an exit code of nothing else
TRY = f"""
import fcntl, sys
try:
    fcntl.flock(open(sys.argv[1], "ab"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit({EXCLUDED})
"""


def require_locks(folder: Path, several_machines: bool) -> None:
    """Try a lock in a folder from two processes; of machines, look how the disk is mounted.

    Raises:
        UsageError: both got it, or the disk has no locks, or has them for each machine alone.
    """
    advice = "jobs that share it would write over one another; use a disk with working file locks"
    if several_machines and (found := LOCAL_LOCKS & mount_options(folder)):
        raise UsageError(f"{folder}: mounted with {', '.join(sorted(found))}: {advice}")
    trial = folder / "trial"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locks.waiting(trial):
            code = subprocess.run([sys.executable, "-c", TRY, trial], check=False).returncode
    except OSError as error:
        raise UsageError(f"{folder}: no file locks ({error.strerror}): {advice}") from None
    finally:
        trial.unlink(missing_ok=True)
    if code != EXCLUDED:
        raise UsageError(
            f"{folder}: a file that one process has locked another locks too: {advice}"
        )


def mount_options(folder: Path) -> set[str]:
    """Return the options of the mount that a folder is on; none where the system does not say."""
    found: dict[Path, set[str]] = {}
    for line in MOUNTS.read_text().splitlines() if MOUNTS.exists() else ():
        mount, _, of_disk = line.partition(" - ")
        point, options = mount.split()[4:6]
        place = Path(point.encode().decode("unicode_escape"))  # a space in it is \\040
        found[place] = {*options.split(","), *of_disk.split()[-1].split(",")}
    around = [place for place in found if folder.resolve().is_relative_to(place)]
    return found[max(around, key=lambda place: len(place.parts))] if around else set()
