"""Asking git about the repository of the current folder."""

import os
import re
import subprocess

from pgpipe.errors import UsageError

DISTRUST = re.compile(r"fatal: (detected dubious ownership .*)\n(?:.*\n)*?\t(git config .*)\n")


def git(*arguments: str, sent: bytes = b"") -> bytes | None:
    """Return what git answers; None where it fails, or is not installed.

    Args:
        arguments: of the command.
        sent: to its standard input.

    Raises:
        UsageError: git trusts the repository's owner in nothing, which must not be taken for a
            repository without commits or edits; the message is what git says.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            input=sent,
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    if done.returncode == 0:
        return done.stdout
    if said := DISTRUST.match(done.stderr.decode(errors="replace")):
        raise UsageError(f"git: {said[1]}; if you trust its owner, run: {said[2]}")
    return None
