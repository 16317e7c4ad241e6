"""All that is printed: names, labels and servers' answers as they are seen, not as they are obeyed.

A terminal takes some characters for commands: to move the cursor, to set the title, to write into
the clipboard. Nobody else prints (a test holds that), so none of them gets there.

What stdout gets is wrapped between words where that is a terminal; elsewhere a line stays a line.
"""

import io
import logging
import shutil
import sys
import threading
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

from pgpipe.errors import printable, visible

if TYPE_CHECKING:
    from rich.console import JustifyMethod

GAP = 2  # characters between two columns
WIDEST = 1 << 20  # characters of a line that is not for a terminal

Row = Sequence[str]


def say(*lines: object, file: TextIO | None = None) -> None:
    """Print lines to `file`, stdout if it is not given."""
    for line in lines:
        known = shown(str(line), file or sys.stdout)
        if file is None and is_terminal():
            known = wrapped(known, shutil.get_terminal_size().columns)
        (file or sys.stdout).write(f"{known}\n")
    (file or sys.stdout).flush()


def say_table(rows: Iterable[Row], headings: Row = (), right: Collection[int] = ()) -> None:
    """Print rows in columns to stdout.

    A terminal has cells wrapped to its width, and tables that its width does not hold in parts,
    each with the first column. Elsewhere a row is one line.

    Args:
        rows: as many cells each.
        headings: of the columns, if they have any.
        right: the columns that are aligned to the right.
    """
    width = shutil.get_terminal_size().columns if is_terminal() else WIDEST
    for line in table_lines(rows, headings, right, width, sys.stdout):
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def table_lines(
    rows: Iterable[Row],
    headings: Row = (),
    right: Collection[int] = (),
    width: int = WIDEST,
    file: TextIO | None = None,
) -> Iterator[str]:
    """Yield the lines of a table as `say_table` prints it, to `file` if one is given."""
    from rich.console import Console
    from rich.table import Table

    file = file or io.StringIO()
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False)
    every = [headings, *rows] if headings else list(rows)
    cells = [[shown(cell, file) for cell in row] for row in every]
    for part in parts(cells, width):
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=bool(headings))
        for number in part:
            justify: JustifyMethod = "right" if number in right else "left"
            table.add_column(cells[0][number], justify=justify, overflow="fold")
        for row in cells[bool(headings) :]:
            table.add_row(*(row[number] for number in part))
        with console.capture() as captured:
            console.print(table)
        yield from (line.rstrip() for line in captured.get().splitlines())


def parts(cells: Sequence[Row], width: int) -> list[list[int]]:
    """Return the columns of each table in which the longest words have room side by side."""
    least = [
        max((len(word) for cell in column for word in cell.split()), default=0) + GAP
        for column in zip(*cells, strict=True)
    ]
    found: list[list[int]] = [[0]] if least else []
    for number in range(1, len(least)):
        if len(found[-1]) > 1 and sum(least[n] for n in [*found[-1], number]) - GAP > width:
            found.append([0])
        found[-1].append(number)
    return found


def is_terminal() -> bool:
    """Return whether stdout is a terminal."""
    return sys.stdout.isatty()


def shown(text: str, file: TextIO) -> str:
    """Return a text in characters that a file has and a terminal does not obey."""
    encoding = file.encoding or "utf-8"
    return visible(text).encode(encoding, "backslashreplace").decode(encoding)


def wrapped(line: str, width: int) -> str:
    """Return a line of at most `width` characters a piece, unless a word is longer."""
    indent = " " * (len(line) - len(line.lstrip()))
    pieces = wrap(
        line.strip(),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(pieces)


def counted(number: int, noun: str, verb: bool = False) -> str:
    """Return a number with its noun, such as `1 file`, or, with its verb, `2,000 files are`."""
    if number == 1:
        return f"1 {noun}{' is' * verb}"
    return f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}{' are' * verb}"


def note(*lines: object) -> None:
    """Print lines to stderr."""
    say(*lines, file=sys.stderr)


def warn(message: object) -> None:
    """Print a warning, in one line, to stderr."""
    note(f"pgpipe: warning: {printable(str(message))}")


def flush() -> None:
    """Have what was printed to stdout written, or the system say why not."""
    sys.stdout.flush()


def open_closed() -> None:
    """Give a process that was started without stdout or stderr one that forgets."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, io.StringIO())


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
