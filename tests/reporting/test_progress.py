"""Progress: plain lines off a terminal, at most one every 30 s; a bar on a terminal."""

import io
import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from rich.console import Console
from tinyparams import ROOT

from pgpipe.data.reading import rawzip
from pgpipe.plumbing import timer
from pgpipe.reporting.progress import LINE_SECONDS, Meter, track
from stages import prepare
from stages.paths import RAW


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(timer, "time", SimpleNamespace(monotonic=fake.monotonic))
    return fake


def console(terminal: bool = False, width: int = 40) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=width), text


def test_plain_line_says_what_how_much_and_the_note(clock: Clock) -> None:
    plain, text = console()
    with Meter("train@r8", 6000, plain) as meter:
        clock.now += LINE_SECONDS
        meter.update(1500, "1.5 kimg, 8x8, fade 0.50, loss D -1.23 G 4.56")
    (line,) = text.getvalue().splitlines()
    assert line.startswith("train@r8: 1500 of 6000")
    assert line.endswith(", 1.5 kimg, 8x8, fade 0.50, loss D -1.23 G 4.56")
    assert "\x1b" not in line


def test_nothing_is_printed_before_30_seconds(clock: Clock) -> None:
    plain, text = console()
    with Meter("work", 100, plain) as meter:
        for done in range(100):
            clock.now += 0.29
            meter.update(done)
    assert text.getvalue() == ""


@pytest.mark.parametrize("step", [0.5, 1, 7, 29])
def test_lines_are_30_seconds_apart(clock: Clock, step: float) -> None:
    plain, text = console()
    printed = []
    with Meter("work", 1000, plain) as meter:
        for done in range(int(300 / step)):
            clock.now += step
            before = text.tell()
            meter.update(done)
            if text.tell() > before:
                printed.append(clock.now)
    assert len(printed) == len(text.getvalue().splitlines()) >= 5
    assert min(b - a for a, b in pairwise(printed)) >= LINE_SECONDS


def test_note_stays_until_the_next(clock: Clock) -> None:
    plain, text = console()
    with Meter("work", 10, plain) as meter:
        meter.update(1, "one")
        clock.now += LINE_SECONDS
        meter.update(2)
    assert text.getvalue().endswith(", one\n")


def test_unknown_total_is_not_called_0(clock: Clock) -> None:
    """As in stages.prepare, which learns the number of images by reading them."""
    plain, text = console()
    with Meter("prepare", 0, plain) as meter:
        clock.now += LINE_SECONDS
        meter.update(1234)
    assert "1234" in text.getvalue()
    assert "of 0" not in text.getvalue()


def test_terminal_shows_a_bar_and_no_lines(clock: Clock) -> None:
    terminal, text = console(terminal=True, width=120)
    with Meter("work", 10, terminal) as meter:
        clock.now += 10 * LINE_SECONDS
        meter.update(5)
    assert "\x1b" in text.getvalue()
    assert "5/10" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())
    assert "5 of 10" not in text.getvalue()


def test_track_passes_batches_on_and_counts_their_elements(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    batches = [[1, 2, 3], [4], [5, 6]]
    passed = []
    for batch in track(batches, "work", 6):
        passed.append(batch)
        clock.now += LINE_SECONDS
    assert passed == batches
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"work: {n} of 6" for n in (3, 4, 6)]


def test_names_of_skipped_files_are_printed_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rich takes [x] for markup: it swallows [copy], and raises on [/x]."""
    monkeypatch.chdir(tmp_path)
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    names = ["cat [copy].jpg", "dogs[/x].jpg"]
    files = [("good.png", picture.getvalue()), *((name, b"no image") for name in names)]
    rawzip.pack(files, RAW / rawzip.NAME)
    changed = (ROOT / "tests/params.yaml").read_text().replace("name: photos", "name: folder", 1)
    Path("params.yaml").write_text(changed.replace("resolution: 64", "resolution: 8", 1))
    prepare.run()
    printed = capsys.readouterr().err
    assert all(f"skipped {name}: " in printed for name in names)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_narrow_bar_cuts_the_note_alone(width: int) -> None:
    terminal, text = console(terminal=True, width=width)
    note = "1012.3 kimg, 1024x1024, fade 0.50, loss D -1.23 G 4.56"
    with Meter("train@r16", 800000, terminal) as meter:
        meter.update(123456, note)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue()).rstrip().splitlines()[-1]
    assert len(last) <= width
    assert re.fullmatch(r"train@r16 [━╸╺]+ 123456/800000 \S+/s (.*?) +0:00:\d\d [-:0-9]+", last), (
        last
    )
    assert ("1012.3" in last) == (width >= 80)
    assert (note in last) == (width == 200)


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("later", [None, 0, 480])
def test_a_bar_says_how_long_it_and_what_follows_take(
    monkeypatch: pytest.MonkeyPatch, width: int, later: float | None
) -> None:
    terminal, text = console(terminal=True, width=width)
    with Meter("train@r16 (3 of 4)", 800000, terminal, later) as meter:
        (task,) = meter.progress.tasks
        monkeypatch.setattr(type(task), "time_remaining", property(lambda _: 72.0))
        monkeypatch.setattr(type(task), "speed", property(lambda _: 1234.0))
        meter.update(123456, "1012.3 kimg, 1024x1024, fade 0.50, loss D -1.23 G 4.56")
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue()).rstrip().splitlines()[-1]
    assert len(last) <= width
    assert re.match(r"train@r16 \(3 of 4\) [━╸╺]+ 123456/800000 1234/s ", last), last
    assert last.endswith(" 0:01:12 ~9 min left of all" if later else " 0:01:12")


def test_a_plain_line_says_so_too(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, text = console()
    with Meter("train@r16", 100, plain, 2 * 3600) as meter:
        (task,) = meter.progress.tasks
        monkeypatch.setattr(type(task), "time_remaining", property(lambda _: 1800))
        clock.now += LINE_SECONDS
        meter.update(50)
    assert text.getvalue() == "train@r16: 50 of 100, 1800 s left, ~2.5 hours left of all\n"


def test_an_unknown_total_is_no_full_bar() -> None:
    terminal, text = console(terminal=True, width=80)
    with Meter("prepare", 0, terminal) as meter:
        meter.update(5000)
        (task,) = meter.progress.tasks
        assert (task.total, task.finished) == (None, False)
    assert re.search("5000/[?]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue()))
