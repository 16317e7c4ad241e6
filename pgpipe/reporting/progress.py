"""How far long work is: a bar on a terminal, a plain line every 30 s elsewhere."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from pgpipe.errors import visible
from pgpipe.plumbing.timer import Timer, in_words

LINE_SECONDS = 30.0
WIDE, BAR, SHORT_BAR = 120, 40, 10  # characters of a terminal that has room for a bar, of bars

T = TypeVar("T", bound=Sized)


class Rate(ProgressColumn):
    """Recent speed in units a second."""

    def render(self, task: Task) -> Text:
        """For instance `850/s`."""
        return Text(f"{task.speed:.0f}/s" if task.speed else "-/s", style="progress.data.speed")


class OfAll(ProgressColumn):
    """How long it takes until all is done, of which the task is a part."""

    def render(self, task: Task) -> Text:
        """For instance `~9 min left of all`."""
        return Text(left_of_all(task), style="progress.remaining")


class Meter:
    """Shows how much of `total` (0: unknown) is done, with a note beside.

    Where something follows that takes `later` seconds, it also says how long all of it takes.
    """

    def __init__(
        self, what: str, total: int, console: Console | None = None, later: float | None = None
    ) -> None:
        self.console = console or Console(stderr=True)
        wide = self.console.width >= WIDE
        times = [TimeElapsedColumn()] if wide or not later else []
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(BAR if wide else SHORT_BAR),
            MofNCompleteColumn(),
            Rate(),
            TextColumn("{task.fields[note]}", markup=False, table_column=rest()),
            *times,
            TimeRemainingColumn(),
            *([OfAll()] if later else []),
            console=self.console,
            expand=True,
            disable=not self.console.is_terminal,
            speed_estimate_period=10.0,
        )
        self.task = self.progress.add_task(visible(what), total=total or None, note="", later=later)
        self.line = Timer(LINE_SECONDS)

    def update(self, completed: int, note: str | None = None) -> None:
        """Say what is done so far; cheap enough for every step."""
        if note is not None:
            self.progress.update(self.task, note=visible(note))
        self.progress.update(self.task, completed=completed)
        if not self.console.is_terminal and self.line.elapsed():
            self.line.restart()
            note = plain_line(self.progress.tasks[0])
            self.console.print(note, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def __enter__(self) -> "Meter":
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.progress.stop()


def rest() -> Column:
    """Return a column that has what the others leave, so that what is cut off is its own end."""
    return Column(ratio=1, no_wrap=True, overflow="ellipsis")


@contextmanager
def arriving(what: str, size: int) -> Iterator[Callable[[int, str], None]]:
    """Show how much of so many bytes (0: unknown) has arrived, in MB, with a note beside."""
    with Meter(f"{what}, MB", size // 10**6) as meter:
        yield lambda arrived, note: meter.update(arrived // 10**6, note)


def plain_line(task: Task) -> str:
    """The state of a task as one line of text."""
    left = "" if task.time_remaining is None else f", {task.time_remaining} s left"
    left += (of_all := left_of_all(task)) and f", {of_all}"
    rate = f", {task.speed:.0f}/s" if task.speed else ""
    note = task.fields["note"] and f", {task.fields['note']}"
    total = f" of {task.total:.0f}{rate}{left}" if task.total else rate
    return f"{task.description}: {task.completed:.0f}{total}{note}"


def left_of_all(task: Task) -> str:
    """Return how long a task and what follows it take, where both is known."""
    later, own = task.fields["later"], task.time_remaining
    return f"~{in_words(own + later)} left of all" if later and own is not None else ""


def track(batches: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Pass batches on, counting their elements."""
    done = 0
    with Meter(what, total) as meter:
        for batch in batches:
            yield batch
            done += len(batch)
            meter.update(done)
