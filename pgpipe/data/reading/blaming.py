"""Whatever a reader raises over a file, as the user's error in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgpipe.errors import IntegrityError, PgpipeError, said_by


@contextmanager
def blaming(file: Path, kind: str, member: str = "") -> Iterator[None]:
    """Turn any exception into one line: the file, its member, and that it is no readable `kind`."""
    try:
        yield
    except (MemoryError, PgpipeError):
        raise
    except Exception as error:  # hostile bytes make libraries raise anything
        place = f"{file}: {member!r}" if member else f"{file}"
        raise IntegrityError(f"{place}: not a readable {kind}: {said_by(error)}") from error
