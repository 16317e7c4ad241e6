"""How many of a machine's processors there are to share."""

import os


def cores() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share(processes: int) -> int:
    """Return the cores for each of so many processes on this machine."""
    return max(1, cores() // processes)
