"""Commands of pgpipe in processes of their own that start at once.

They are forked from a process that has imported everything, and are real ones otherwise: a process
group, signals, exit codes, stderr.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

PRELOADED = [
    "pytest",
    "mlflow.store.tracking.sqlalchemy_store",
    "pgpipe.commands.app",
    *(f"stages.{name}" for name in ("prepare", "gate", "reference", "init")),
    *(f"stages.{name}" for name in ("train", "sample", "score", "report")),
]
CONTEXT = multiprocessing.get_context("forkserver")
NOT_YET = -1  # it is no command yet: the fork imports the test
PATIENCE = 60  # seconds after which a process hangs

Change = Callable[[], None]


def nothing() -> None:
    """A command as it is."""


class Command:
    """`pgpipe ARGUMENTS`, running; `change` is called in its process beforehand."""

    def __init__(self, folder: Path, *arguments: str, change: Change = nothing) -> None:
        self.log = folder / ".pgpipe" / f"{time.monotonic_ns()}.log"
        self.log.parent.mkdir(exist_ok=True)
        self._trained = CONTEXT.RawValue("q", NOT_YET)
        self._process = CONTEXT.Process(
            target=run, args=(folder, arguments, self.log, self._trained, change)
        )
        self._process.start()
        while self._trained.value == NOT_YET and self.runs(0.001):
            pass
        self.started = time.monotonic()

    @property
    def pid(self) -> int:
        """Of the process, which leads its group."""
        assert self._process.pid
        return self._process.pid

    @property
    def trained(self) -> int:
        """Images of the phase after its last step; 0 before its first one."""
        return int(self._trained.value)

    def runs(self, seconds: float) -> bool:
        """Wait for its end, at most so long; whether it still runs."""
        self._process.join(seconds)
        return self._process.exitcode is None

    def end(self, within: float = PATIENCE) -> int:
        """Its exit code, or minus the number of the signal that killed it."""
        assert not self.runs(within), f"hangs: {self.output}"
        assert self._process.exitcode is not None
        return self._process.exitcode

    def send(self, number: int, group: bool = False) -> None:
        """Send a signal to the process, or to its group, unless it has ended."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, number)

    @property
    def output(self) -> str:
        """What it has said, on stdout and stderr."""
        return self.log.read_text() if self.log.exists() else ""


def run(folder: Path, arguments: list[str], log: Path, trained: Any, change: Change) -> None:
    """The process of a `Command`."""
    os.setsid()
    os.chdir(folder)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_TRACKING"))]:
        del os.environ[name]
    count_steps(trained)
    change()
    from pgpipe.commands import app as cli
    from pgpipe.plumbing.processes.signals import interrupt_on_signals

    sys.argv = ["pgpipe", *arguments]
    interrupt_on_signals()  # as the command's first act is
    trained.value = 0
    cli.main()


def count_steps(trained: Any) -> None:
    """Let another process see how far the training is, whatever becomes of this one."""
    from pgpipe.training.phase import PhaseTraining

    step = PhaseTraining.train_step

    def counted(training: PhaseTraining) -> None:
        step(training)
        trained.value = training.progress.images

    PhaseTraining.train_step = counted  # type: ignore[method-assign, assignment]
