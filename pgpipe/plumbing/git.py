"""Asking git about the repository of the current folder."""

import subprocess


def git(*arguments: str, sent: bytes = b"") -> bytes | None:
    """Return what git answers; None where it fails, or is not installed.

    Args:
        arguments: of the command.
        sent: to its standard input.
    """
    try:
        done = subprocess.run(["git", *arguments], input=sent, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
