"""SIGINT and SIGTERM: asked once, a process ends in order; a second one ends it at once."""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
POSTPONED, POSTPONED_S = signal.SIGALRM, 0.02  # comes anew in place of a signal amid an import
PARENT_DIED = signal.SIGUSR2  # comes once a thread of DVC, so that a second one means nothing
PR_SET_PDEATHSIG = 1
PARENT = os.getppid()
IMPORTLIB = "<frozen importlib._bootstrap>"  # a file name of Python's own


class StopRequest:
    """Whether the process was asked to end after the current step."""

    def __init__(self) -> None:
        self.requested = False

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Note the first signal; let the next one do what it does by default."""
        self.requested = True
        let_signals_kill()

    def on_parents_death(self, _number: int, _frame: FrameType | None) -> None:
        """Note it, as often as it is said."""
        self.requested = True

    def __call__(self) -> bool:
        """True also for an orphan."""
        return self.requested or orphaned()


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Hold the signals back while the block runs."""
    stop = StopRequest()
    handlers = {
        **dict.fromkeys((*SIGNALS, POSTPONED), stop.on_signal),
        PARENT_DIED: stop.on_parents_death,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt_on_signals() -> None:
    """Let the first signal raise KeyboardInterrupt, and DVC's death end its stage.

    It does so as soon as no import is under way: libraries catch what their imports raise, and go
    on without, or fail by another error later.

    DVC killed alone leaves its stage behind, which would write where the next `dvc repro` writes.
    Until there is something to save, and in all stages but train, it dies at once.
    """

    def interrupt(_number: int, frame: FrameType | None) -> None:
        let_signals_kill()  # the next one
        if importing(frame):
            signal.setitimer(signal.ITIMER_REAL, POSTPONED_S)
        else:
            raise KeyboardInterrupt

    for number in (*SIGNALS, POSTPONED):
        signal.signal(number, interrupt)
    if below_dvc() or below_torchrun():
        signal_at_parents_death()
    if orphaned():
        raise KeyboardInterrupt


def importing(frame: FrameType | None) -> bool:
    """Whether a frame is part of an import."""
    while frame is not None and frame.f_code.co_filename != IMPORTLIB:
        frame = frame.f_back
    return frame is not None


@contextmanager
def signals_kill() -> Iterator[None]:
    """While the block waits in foreign code, which Python's handlers would wait for, too."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def let_signals_kill() -> None:
    """From now on a signal ends the process at once; one that was postponed does not come."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def below_dvc() -> bool:
    """Whether DVC runs this process as a stage."""
    return "DVC_STAGE" in os.environ


def below_torchrun() -> bool:
    """Whether this process is one of several that train together."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def orphaned() -> bool:
    """Whether DVC or torchrun ran this process and is gone.

    A stage is of DVC's group, a foster parent is not; each of torchrun's has a group of its own.
    """
    if below_torchrun():
        return os.getppid() != PARENT
    return below_dvc() and os.getpgid(os.getppid()) != os.getpgrp()


def signal_at_parents_death(number: int = PARENT_DIED) -> None:
    """Have Linux say when the parent process dies; elsewhere `orphaned` has to do."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, int(number))
