"""SIGINT and SIGTERM: asked once, a process ends in order; a second one ends it at once."""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PR_SET_PDEATHSIG = 1


class StopRequest:
    """Whether the process was asked to end after the current step."""

    def __init__(self) -> None:
        self.requested = False

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Note the first signal; let the next one do what it does by default."""
        self.requested = True
        let_signals_kill()

    def __call__(self) -> bool:
        """True also for an orphan of DVC."""
        return self.requested or orphaned()


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Hold the signals back while the block runs."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    stop = StopRequest()
    for number in SIGNALS:
        signal.signal(number, stop.on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt_on_signals() -> None:
    """Let the first signal raise KeyboardInterrupt, also when it is DVC's death.

    DVC killed alone leaves its stage behind, which would write where the next `dvc repro` writes.
    """
    for number in SIGNALS:
        signal.signal(number, interrupt)
    if below_dvc():
        signal_at_parents_death()
    if orphaned():
        raise KeyboardInterrupt


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; let the next signal do what it does by default."""
    let_signals_kill()
    raise KeyboardInterrupt


def let_signals_kill() -> None:
    """From now on a signal ends the process at once."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def below_dvc() -> bool:
    """Whether DVC runs this process as a stage."""
    return "DVC_STAGE" in os.environ


def orphaned() -> bool:
    """Whether DVC ran this process and is gone: a stage is of its group, a foster parent is not."""
    return below_dvc() and os.getpgid(os.getppid()) != os.getpgrp()


def signal_at_parents_death() -> None:
    """Have Linux send SIGTERM when the parent process dies; elsewhere `orphaned` has to do."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
