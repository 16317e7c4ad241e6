"""`python -m pgpipe STAGE`: the form that dvc.yaml uses, so that a workspace runs its own code."""

import sys

from pgpipe.plumbing.terminal import note


def main() -> None:
    """Run a command, on a system that has what it needs: locks of files and processes that fork."""
    if sys.platform == "win32":  # said here, where the first import of these would fail
        note("pgpipe: error: Windows: pgpipe needs Linux or macOS; run it in WSL")
        sys.exit(2)
    from pgpipe.commands.app import main

    main()


if __name__ == "__main__":
    main()
