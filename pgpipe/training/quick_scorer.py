"""Quick scores while a phase trains, by a process of their own on the CPU.

The training leaves a snapshot and goes on, or waits, where both would want the same cores.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from torch import Tensor

from pgpipe.errors import BUG, PgpipeError, ResourceError
from pgpipe.training.history import Row
from pgpipe.training.listener import Listener
from pgpipe.training.quick_task import WORKER, Task
from pgpipe.training.snapshots import Snapshots

POLL_S = 0.05


class Scorer(Protocol):
    """Scores the averaged generator at each tick."""

    @property
    def backlog(self) -> int:
        """How many the training may leave behind before it waits."""
        ...

    def add(self, images: int, named: Mapping[str, Tensor], facts: Row) -> None:
        """Have a generator's tensors scored, that of so many images of the phase."""

    def behind(self) -> int:
        """How many are still to be scored."""
        ...

    def news(self) -> list[Row]:
        """Rows of scores that are there since the last call."""
        ...


class NoScorer:
    """Stands for a scorer in phases without quick scores."""

    backlog = 0

    def add(self, images: int, named: Mapping[str, Tensor], facts: Row) -> None:
        """Score nothing."""

    def behind(self) -> int:
        """Return 0."""
        return 0

    def news(self) -> list[Row]:
        """Return no rows."""
        return []


NO_SCORER = NoScorer()


def follow(
    scorer: Scorer, listener: Listener, backlog: int, stop: Callable[[], bool] = lambda: False
) -> bool:
    """Wait until at most so many ticks are to be scored, or `stop()`; pass the scores on.

    Returns:
        Whether no more than that are to be scored.
    """
    while not (enough := scorer.behind() <= backlog) and not stop():
        time.sleep(POLL_S)
    for row in scorer.news():
        listener.on_scores(row)
    return enough


class QuickScorer:
    """Has the snapshots of a phase scored by a process, in order."""

    def __init__(self, snapshots: Snapshots, task: Task) -> None:
        self.snapshots, self.task, self.backlog = snapshots, task, task.backlog
        self.process: subprocess.Popen[str] | None = None
        self.told: set[int] = set()
        self.log = snapshots.folder / "scorer.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        snapshots.set_damaged_rows_aside()
        for path in snapshots.unscored():  # that a kill left
            self.send(path)

    def add(self, images: int, named: Mapping[str, Tensor], facts: Row) -> None:
        """See `Scorer`."""
        path = self.snapshots.add(images, named, facts)
        if path is not None:
            self.send(path)

    def send(self, path: Path) -> None:
        """Tell the process, which starts with its first snapshot."""
        if self.process is None:
            told = [json.dumps(asdict(self.task)), str(self.snapshots.scores)]
            command = [sys.executable, "-m", WORKER, *told]
            with self.log.open("wb") as log:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stderr=log, text=True
                )
        self.require_alive()
        assert self.process.stdin
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()

    def behind(self) -> int:
        """See `Scorer`.

        Raises:
            PgpipeError: the process has ended.
        """
        count = len(self.snapshots.unscored())
        if count:
            self.require_alive()
        return count

    def news(self) -> list[Row]:
        """See `Scorer`."""
        rows = self.snapshots.rows(but=self.told)
        self.told |= rows.keys()
        if rows:
            self.snapshots.prune()
        return list(rows.values())

    def require_alive(self) -> None:
        """Raise the error of a process that has ended."""
        code = self.process.poll() if self.process else None
        if code is None:
            return
        if code < 0:
            raise ResourceError(
                f"quick scores: their process was killed (signal {-code}), for its memory perhaps; "
                "lower train.quick_images"
            )
        said = self.log.read_text(errors="replace").splitlines()[-1:] or ["no reason given"]
        error = PgpipeError(f"quick scores: {said[0]}; all of it in {self.log}")
        error.exit_code = code if 1 < code < BUG else BUG
        raise error

    def close(self) -> None:
        """End the process; what it leaves unscored is for the next one."""
        if self.process:
            self.process.kill()
            self.process.wait()


@contextmanager
def quick_scorer(snapshots: Snapshots, task: Task) -> Iterator[QuickScorer]:
    """A scorer whose process ends with the block."""
    scorer = QuickScorer(snapshots, task)
    try:
        yield scorer
    finally:
        scorer.close()
