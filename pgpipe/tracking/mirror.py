"""The one thread that carries a growing spool to the store, in the background of a stage."""

import threading
import time
from pathlib import Path

from pgpipe.errors import PgpipeError
from pgpipe.plumbing.terminal import warn
from pgpipe.tracking.push import push
from pgpipe.tracking.spool import SpoolDamaged
from pgpipe.tracking.troubles import StoreTrouble

SHORT_S = 15.0  # a stage that ends sooner leaves its spool to the next one: mlflow alone takes 3 s
INTERVAL_S = 5.0  # between two pushes
PATIENCE_S = 3.5  # for the last one: with the end of the process it stays below 5 s
HURRY_S = 1.0  # where a stage was interrupted, which the next run mirrors
CURE = "nothing is lost, and pgpipe sync completes it"


class Mirror:
    """Pushes a spool when told that it grew, one push at a time; says once that it cannot."""

    def __init__(self, spool: Path, at_once: bool = False) -> None:
        """Begin after `SHORT_S`; at once in a run's last stage, which leaves nothing to another."""
        self._spool, self._at_once = spool, at_once
        self._grew, self._closing = threading.Event(), threading.Event()
        self._warned = self._left = False
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def grew(self) -> None:
        """Have the spool pushed soon."""
        self._grew.set()

    def close(self, hurry: bool = False, more_comes: bool = False) -> None:
        """Have the whole spool pushed, and wait a few seconds at most until it is.

        Where `more_comes`, as another stage writes to the same spool, a stage that was short
        leaves it to that one, to `pgpipe ui` or to `pgpipe sync`.
        """
        patience = HURRY_S if hurry else PATIENCE_S
        self._left = more_comes and time.monotonic() - self._began < SHORT_S
        self._closing.set()
        self._grew.set()
        self._thread.join(patience)
        if self._thread.is_alive():
            self.warn(f"the store did not get everything within {patience:g} s; {CURE}")

    def warn(self, problem: str) -> None:
        """One line on stderr, the first time."""
        if not self._warned:
            self._warned = True
            warn(f"tracking: {problem}")

    def _work(self) -> None:
        last = False
        if not self._at_once:
            self._closing.wait(SHORT_S)
        if self._left:
            return
        while not last:
            self._grew.wait()
            self._grew.clear()
            last = self._closing.is_set()  # before the push, which then sees all that was logged
            try:
                push(self._spool)
            except (StoreTrouble, SpoolDamaged, PgpipeError) as trouble:
                self.warn(f"{trouble}; {CURE}")
            self._closing.wait(INTERVAL_S)
