"""`python -m pgpipe STAGE`: the form that dvc.yaml uses, so that a workspace runs its own code."""

import os
import sys
import threading

from pgpipe.plumbing import terminal


def main() -> None:
    """Run a command, on a system that has what it needs: locks of files and processes that fork."""
    if sys.platform == "win32":  # said here, where the first import of these would fail
        terminal.note("pgpipe: error: Windows: pgpipe needs Linux or macOS; run it in WSL")
        sys.exit(2)
    from pgpipe.commands.app import main

    try:
        main()
    except SystemExit as ended:
        if any(thread.name == "tracking" for thread in threading.enumerate()):
            leave(ended.code)
        raise


def leave(code: str | int | None) -> None:
    """End without Python's own end, in which a thread amid native code takes the process along.

    What tracks is left behind where the store is slow: its spool is complete, and the exit code is
    that of the command, not of a signal.
    """
    terminal.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
