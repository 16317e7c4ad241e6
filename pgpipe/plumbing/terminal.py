"""All that is printed: names, labels and servers' answers as they are seen, not as they are obeyed.

A terminal takes some characters for commands: to move the cursor, to set the title, to write into
the clipboard. Nobody else prints (a test holds that), so none of them gets there.
"""

import io
import logging
import sys
import threading
import warnings
from typing import TextIO

from pgpipe.errors import printable, visible


def say(*lines: object, file: TextIO | None = None) -> None:
    """Print lines to `file`, stdout if it is not given."""
    file = file or sys.stdout
    encoding = file.encoding or "utf-8"
    for line in lines:
        known = visible(str(line)).encode(encoding, "backslashreplace").decode(encoding)
        file.write(f"{known}\n")
    file.flush()


def note(*lines: object) -> None:
    """Print lines to stderr."""
    say(*lines, file=sys.stderr)


def warn(message: object) -> None:
    """Print a warning, in one line, to stderr."""
    note(f"pgpipe: warning: {printable(str(message))}")


def flush() -> None:
    """Have what was printed to stdout written, or the system say why not."""
    sys.stdout.flush()


def stop() -> None:
    """Print no more to stdout, which the end of the process would try once more."""
    sys.stdout = io.StringIO()


class Told(logging.Handler):
    """Takes what libraries log and nobody else does."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print it as a warning."""
        warn(f"{record.name}: {record.getMessage()}")


def tell_for_libraries() -> None:
    """Have what libraries warn of, log, and raise in threads of theirs be said here, too."""
    logging.lastResort = Told(logging.WARNING)
    warnings.showwarning = lambda message, kind, *_, **__: warn(f"{kind.__name__}: {message}")
    threading.excepthook = lambda raised: warn(
        f"a thread ended by {raised.exc_type.__name__}: {raised.exc_value}"
    )
