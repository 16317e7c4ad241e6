"""What can go wrong for a user, each kind with its exit code.

A `PgpipeError` is printed as one line without a traceback; anything else is a bug. Its message
says what was found, what was expected, in which file or key, and what to do where that helps.
"""

import re

CREDENTIALS = re.compile(
    r"(?<=://)(?:[^\s/?#'\"]*@|[^\s/@'\"]*:(?!\d+[/?#\s'\"])[^\s'\"]*@)"
    r"|(?<=[?&])(?!viewStateShareKey=)"  # the name of a layout of MLflow's pages
    r"[^\s=&'\"]*(?:pass|token|key|secret|sig|auth|cred)[^\s=&'\"]*=[^\s&'\"]*",
    re.IGNORECASE,
)
LONGEST, LONGEST_REASON = 4000, 200  # characters of a message, of what a library says in it
INTERRUPTED = 75
BUG = 70


class PgpipeError(Exception):
    """A failure that the user can act on."""

    exit_code = BUG


class UsageError(PgpipeError):
    """A wrong command, parameter or input value."""

    exit_code = 2


class IntegrityError(PgpipeError):
    """A hash that differs, a corrupt file, an unsafe archive."""

    exit_code = 3


class ResourceError(PgpipeError):
    """Not enough disk, memory or GPU memory."""

    exit_code = 4


class LockedError(PgpipeError):
    """Another live process works on the same state."""

    exit_code = 5


class DivergedError(PgpipeError):
    """Training reached a number that is not finite."""

    exit_code = 6


class NetworkError(PgpipeError):
    """A remote that did not answer after bounded retries."""

    exit_code = 7


class Interrupted(PgpipeError):  # noqa: N818 - a request fulfilled, not an error
    """A signal asked for the end; the state is saved."""

    exit_code = INTERRUPTED


def without_credentials(text: str) -> str:
    """`text` with `scheme://user:password@host` as `scheme://host`, and no tokens of a query."""
    return CREDENTIALS.sub("", text)


def visible(line: str) -> str:
    """A line without credentials, and with all that a terminal would not show escaped."""
    line = without_credentials(line)
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def printable(message: str) -> str:
    """A message in one line, and without what a name in it could tell a terminal to do.

    Of one that repeats very much of what was found, the beginning and the end are told.
    """
    if len(message) > 2 * LONGEST:  # before all of it is searched for credentials
        message = f"{message[:LONGEST]}{message[-LONGEST:]}"
    line = " ".join(without_credentials(message).split())
    half = LONGEST // 2
    return visible(line if len(line) <= LONGEST else f"{line[:half]} ... {line[-half:]}")


def said_by(error: Exception) -> str:
    """Return what a library says of an error in one short line, or of which kind it is."""
    return " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
