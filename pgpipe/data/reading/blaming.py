"""Whatever a reader raises over a file, as the user's error in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgpipe.errors import IntegrityError, PgpipeError

LONGEST_REASON = 200  # characters


@contextmanager
def blaming(file: Path, kind: str, member: str = "") -> Iterator[None]:
    """Turn any exception into one line: the file, its member, and that it is no readable `kind`."""
    try:
        yield
    except (MemoryError, PgpipeError):
        raise
    except Exception as error:  # hostile bytes make libraries raise anything
        place = f"{file}: {member!r}" if member else f"{file}"
        reason = " ".join(str(error).split()) or type(error).__name__
        message = f"{place}: not a readable {kind}: {reason[:LONGEST_REASON]}"
        raise IntegrityError(message) from error
