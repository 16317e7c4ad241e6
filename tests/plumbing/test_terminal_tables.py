"""Rows in columns: wrapped to a terminal's width, a line per row in a pipe; nothing is cut."""

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from fcntl import ioctl

import pytest
from tinyparams import ROOT

from pgpipe.plumbing.terminal import counted, parts, say_table

CODE = re.compile(r"\x1b\[[\d;]*m")
COLOUR = re.compile(r"\x1b\[[\d;]*3[0-7]")
WORDS = "many words of which none is cut wherever a line ends and the next one begins "
TABLE = f"""
from pgpipe.plumbing.terminal import say, say_table
say_table([("a", {WORDS!r} * 2, "12.5"), ("long-name", "x", "3")], ("name", "text", "score"), (2,))
say("  " + {WORDS!r} * 2)
"""


def at_terminal(*arguments: str, width: int = 80, **variables: str) -> list[str]:
    """The lines that a program of Python prints to a terminal."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    environment |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **variables}
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=theirs, stdin=theirs, env=environment, cwd=ROOT
    ) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 1 << 16):
                text += piece
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    assert process.returncode == 0, text
    return text.decode().splitlines()


def words(lines: Sequence[str]) -> list[str]:
    return sorted(" ".join(CODE.sub("", line) for line in lines).split())


@pytest.mark.parametrize("width", [80, 40])
def test_a_terminal_has_words_wrapped_and_none_cut(width: int) -> None:
    lines = at_terminal("-c", TABLE, width=width)
    assert all(len(CODE.sub("", line)) <= width for line in lines)
    assert words(lines) == words([f"name text score a 12.5 long-name x 3 {WORDS * 4}"])
    assert CODE.search(lines[0]), "headings are bold"


def test_no_colour_is_given_to_who_wants_none() -> None:
    assert not COLOUR.search("".join(at_terminal("-c", TABLE, NO_COLOR="1")))
    assert not CODE.search("".join(at_terminal("-c", TABLE, TERM="dumb")))


def test_a_pipe_has_a_line_per_row(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 300 + "end"
    say_table([("a", long, "12.5"), ("[b]x", "\x1b[2J", "3")], ("name", "text", "score"), (2,))
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "text", "score"]
    assert first == f"a     {long}   12.5"
    assert second.split() == ["[b]x", "\\x1b[2J", "3"]
    assert len(second) == len(first), "numbers end in one column"


def test_nothing_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    say_table([])
    assert capsys.readouterr().out == ""


def test_columns_that_do_not_fit_are_several_tables_each_with_the_first() -> None:
    row = ["r", "two words", *["missing"] * 6]
    assert parts([row], 80) == [list(range(8))]
    assert parts([row], 40) == [[0, 1, 2, 3, 4], [0, 5, 6, 7]]
    assert parts([["x" * 30, "y" * 30]], 20) == [[0, 1]], "two belong together"


def test_one_is_not_several() -> None:
    told = [counted(n, "file", verb=True) for n in (0, 1, 2000)]
    assert told == ["0 files are", "1 file is", "2,000 files are"]
    assert [counted(n, "class") for n in (1, 2)] == ["1 class", "2 classes"]


def test_a_listing_at_80_columns_breaks_no_word() -> None:
    listing = ("-m", "pgpipe", "data", "list")
    lines = at_terminal(*listing)
    assert max(map(len, lines)) <= 80
    piped = subprocess.run([sys.executable, *listing], capture_output=True, cwd=ROOT, check=True)
    assert words(lines) == words(piped.stdout.decode().splitlines())
