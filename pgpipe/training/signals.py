"""SIGINT and SIGTERM as a request to end after the current step; a second one ends at once."""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PR_SET_PDEATHSIG = 1


class StopRequest:
    """Whether the process was asked to end."""

    def __init__(self) -> None:
        self.requested = False
        self.parent = os.getppid()

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Note the first signal; let the next one do what it does by default."""
        self.requested = True
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)

    def __call__(self) -> bool:
        """True also once the parent is gone: `dvc` killed alone would leave an orphan."""
        return self.requested or os.getppid() != self.parent


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Hold the signals back while the block runs."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    stop = StopRequest()
    for number in SIGNALS:
        signal.signal(number, stop.on_signal)
    die_with_parent()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def die_with_parent() -> None:
    """Have Linux send SIGTERM when the parent process dies; elsewhere the polling has to do."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
