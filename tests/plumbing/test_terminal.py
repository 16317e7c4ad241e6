"""Hostile names, labels and answers on their way to the terminal: seen, not obeyed."""

import io
import json
import logging
import os
import re
import threading
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from loopback import serving
from rawset import encoded, pictures
from rich.console import Console
from tinyparams import ROOT
from tinyproject import Run

from pgpipe.errors import printable
from pgpipe.plumbing.terminal import say, tell_for_libraries, warn
from pgpipe.reporting.progress import Meter

HOSTILE = (
    "\x1b[2J\x1b]0;title\x07",  # clears the screen, sets the title
    "\x1b]52;c;aGk=\x07",  # writes into the clipboard
    "\x1b]8;;http://x\x1b\\link",
    "a\rb\nc\td\x08",
    "\x9b31m",  # CSI in one character
    "\u202egnp.exe",  # right to left
    "\u2066\u2028\u200b\ufeff",
    os.fsdecode(b"\xff\xfe"),
)
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def require_harmless(text: str) -> None:
    text.encode()  # no half characters
    assert not OBEYED.search(text), text


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_what_is_said_is_seen(encoding: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    say("  two  é", *HOSTILE, file=file)
    file.seek(0)
    lines = file.read().split("\n")
    assert lines[0] == ("  two  é" if encoding == "utf-8" else "  two  \\xe9")
    assert lines[1] == "\\x1b[2J\\x1b]0;title\\x07"
    assert lines[4] == "a\\rb\\nc\\td\\x08"
    assert lines[6] == "\\u202egnp.exe"
    assert len(lines) == len(HOSTILE) + 2
    require_harmless("\n".join(lines))


def test_much_that_was_found_is_cut() -> None:
    """A name of 100 MB, with a cure behind it, and passwords everywhere."""
    told = printable(f"x.csv: {'http://me:secret@host/' * 5_000_000}: not a name; mend it")
    assert len(told) < 5000
    assert told.startswith("x.csv: http://host/http://host/")
    assert told.endswith("host/: not a name; mend it")
    assert "secret" not in told
    assert printable(word := "word " * 700 + "end") == word


def test_what_libraries_say_is_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, name in ((logging, "lastResort"), (warnings, "showwarning")):
        monkeypatch.setattr(place, name, getattr(place, name))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def fail() -> None:
        raise ValueError("\x1b[2J")

    tell_for_libraries()
    logger = logging.Logger("library")  # of no handlers, as libraries have them
    logger.warning("Failed to parse headers: %s", HOSTILE[0])
    warnings.showwarning(UserWarning(HOSTILE[1]), UserWarning, "x.py", 1)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    warn("\n".join(HOSTILE))
    text = capsys.readouterr().err
    require_harmless(text)
    assert [line[:32] for line in text.splitlines()] == [
        "pgpipe: warning: library: Failed",
        "pgpipe: warning: UserWarning: \\x",
        "pgpipe: warning: a thread ended ",
        "pgpipe: warning: \\x1b[2J\\x1b]0;t",
    ]


@pytest.mark.parametrize("terminal", [False, True])
def test_notes_beside_a_meter_are_seen(terminal: bool) -> None:
    """Its own movements of the cursor are all that a terminal gets."""
    texts = []
    for note in ("[/b]" + "".join(HOSTILE), ""):
        file = io.StringIO()
        meter = Meter(note or "x", 10, Console(file=file, force_terminal=terminal, width=200))
        meter.line.seconds = 0
        with meter:
            meter.update(1, note)
        texts.append(file.getvalue())
    codes = [{*re.findall(r"\x1b\[[\d;?]*[a-zA-Z]", text)} for text in texts]
    assert codes[0] <= codes[1] if terminal else codes == [set(), set()]
    for text in texts:
        require_harmless(re.sub(r"\x1b\[[\d;?]*[a-zA-Z]|\r", "", text))
    assert "[/b]" in texts[0]


@pytest.fixture
def run(project: Path, command: Run) -> Run:
    """Run a command beside a folder of images in classes, whose names are hostile."""
    text = (ROOT / "tests/params.yaml").read_text()
    text = text.replace("  name: photos", "  name: folder", 1)
    Path("params.yaml").write_text(text.replace("  max_rejected: 0", "  max_rejected: 99", 1))
    names = [name for name in HOSTILE if "/" not in name][:-1]
    for number, (label, name) in enumerate(zip(names, reversed(names), strict=True)):
        folder = project / "data/own" / f"{number}{label}"
        folder.mkdir(parents=True)
        for image, picture in enumerate(pictures(4)):
            (folder / f"{image}{name}.png").write_bytes(encoded(np.roll(picture, number)))
        (folder / f"{name}.png").write_bytes(b"no image")
    return command


def test_commands_show_hostile_names_as_they_are(run: Run, project: Path) -> None:
    own = str(project / "data/own")
    said = {}
    for arguments in (
        ["check"],
        ["data", "check", "--page", "page.html", "--json", "page.json"],
        ["find"],
        ["download"],
        ["prepare"],
        ["data", "show"],
        ["data", "extract", "--to", "out\x1b[2J"],
        ["data", "compare", "data/multires", "data/none\x1b[2J"],
        ["score", "--real", own, "--fake", f"{own}\x1b[2J"],
        ["preset", "\x1b[2J"],
        ["data", "show", "\x1b[2J"],
        ["weights", "--from", "\x1b[2J\udcff"],
    ):
        code, stdout, stderr = run(*arguments)
        require_harmless(stdout)
        require_harmless(stderr)
        said[" ".join(arguments[:2])] = code, stdout + stderr
    assert "skipped 0\\x1b[2J" in said["prepare"][1]
    assert "\\x1b]52;c;aGk=\\x07" in said["data show"][1] or said["data show"][0] == 2
    assert all(code in (0, 1, 2, 3) for code, _ in said.values())
    assert json.loads(Path("page.json").read_text())["rejected"]["files"] == 6
    require_harmless(Path("page.html").read_text())


def test_name_that_is_no_text_is_told(run: Run, project: Path) -> None:
    with suppress(OSError):  # some file systems have none
        (project / "data/own" / os.fsdecode(b"\xff\x1b.png")).touch()
        code, _, stderr = run("check")
        assert code == 2
        require_harmless(stderr)
        assert "is not a UTF-8 name; rename it" in stderr


def test_answers_of_servers_are_seen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgpipe.plumbing.fetch.transfer.WAIT_SECONDS", 0.001)
    with serving() as server:
        for number, status in enumerate((404, 503, 200)):
            headers = (("Content-Type", "text/html\x1b[2J"), ("Retry-After", "\x1b]52;c;aGk=\x07"))
            url = server.serve(f"{number}", b"x", status=status, headers=headers)
            code, stdout, stderr = run("weights", "--url", f"{url}\x1b[2J")
            require_harmless(stdout + stderr)
            assert code == 7
