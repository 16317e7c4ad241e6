"""What a stage uses: a run that is open while the stage works.

A log call writes to the local spool and returns; a thread carries the spool to the store. A store
that is away costs one line on stderr and at most a few seconds at the end, never a result.

A run is RUNNING from its first stage until the report. A stage that is interrupted leaves it
KILLED, one that fails leaves it FAILED, and one that is killed outright leaves it RUNNING; the
next stage that opens it sets it RUNNING again.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from pgpipe.errors import Interrupted, ResourceError, UsageError
from pgpipe.plumbing.terminal import warn
from pgpipe.tracking import pictures
from pgpipe.tracking.config import TrackingSection
from pgpipe.tracking.identity import summary_run, this_run
from pgpipe.tracking.mirror import Mirror
from pgpipe.tracking.spool import Dataset, Run, Spool, Status

NOT_WRITTEN = (OSError, ResourceError, UsageError, ValueError)  # which costs no result


class Tracker(Protocol):
    """Takes what a stage wants to be seen; no call waits for a store or fails because of one."""

    def log_metrics(self, images_seen: int, values: Mapping[str, float]) -> None:
        """Log values at a step: the real images that the run has shown so far, in all phases."""

    def log_artifact(self, file: Path, folder: str) -> None:
        """Keep a copy of `file`, to be shown in `folder`."""

    def log_content(self, path: str, data: bytes) -> None:
        """Keep a file of this content, to be shown at a path."""

    def log_image(self, file: Path, key: str, images_seen: int) -> None:
        """Keep a copy of a PNG file, to be shown in a series, beside that of other runs."""

    def log_dataset(self, name: str, digest: str, source: str, profile: Mapping[str, Any]) -> None:
        """Name the data: its hash, where it is from (a path or URL), and what it is like."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, or give them new values."""


class NullTracker:
    """Tracks nothing."""

    @staticmethod
    def ignore(*_: object, **__: object) -> None:
        """Do nothing with anything."""

    log_metrics = log_artifact = log_content = log_image = log_dataset = set_tags = ignore


class LiveTracker:
    """Writes to a spool, and has it mirrored."""

    def __init__(self, spool: Spool, final: bool) -> None:
        self._spool = spool
        self._mirror = Mirror(spool.folder, at_once=final)
        self._mirror.grew()

    def log_metrics(self, images_seen: int, values: Mapping[str, float]) -> None:
        """See `Tracker`."""
        self._write(lambda: self._spool.append(images_seen, values))

    def log_artifact(self, file: Path, folder: str) -> None:
        """See `Tracker`."""
        self._write(lambda: self._spool.add_artifact(file, folder))

    def log_content(self, path: str, data: bytes) -> None:
        """See `Tracker`."""
        self._write(lambda: self._spool.add_content(path, data))

    def log_image(self, file: Path, key: str, images_seen: int) -> None:
        """See `Tracker`."""

        def write() -> None:
            for path, data in pictures.logged(file.read_bytes(), key, images_seen).items():
                self._spool.add_content(path, data)
            self._spool.set_tags(pictures.TAG)

        self._write(write)

    def log_dataset(self, name: str, digest: str, source: str, profile: Mapping[str, Any]) -> None:
        """See `Tracker`."""
        dataset = Dataset(digest=digest, source=source, profile=dict(profile))
        self._write(lambda: self._spool.add_dataset(name, dataset))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """See `Tracker`."""
        self._write(lambda: self._spool.set_tags(tags))

    def close(self, status: Status) -> None:
        """Note how the run stands and have the rest mirrored."""
        self._write(lambda: self._spool.set_status(status))
        self._mirror.close(hurry=status == "KILLED", more_comes=status == "RUNNING")

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except NOT_WRITTEN as error:
            self._mirror.warn(f"not logged: {error}")
        self._mirror.grew()


def open_run(
    stage: str, section: TrackingSection, made_of: str, final: bool = False
) -> AbstractContextManager[Tracker]:
    """The run of the current parameters, code and data, for `stage` to log to.

    The stage's exceptions pass through.

    Args:
        stage: its name.
        section: says whether and where runs are tracked.
        made_of: the hash of the code and the data that the run's result comes from.
        final: end the run where the stage ends well.
    """
    return opened(lambda: this_run(stage, section.experiment, made_of), section, final)


def open_summary(name: str, section: TrackingSection) -> AbstractContextManager[Tracker]:
    """The one run that holds what `name` sums up of other runs; it is finished with the block."""
    return opened(lambda: summary_run(name, section.experiment), section, final=True)


@contextmanager
def opened(run: Callable[[], Run], section: TrackingSection, final: bool) -> Iterator[Tracker]:
    """A tracker that writes to `run` and notes how the block ends.

    Where there can be none, that is one warning, and nothing is tracked.
    """
    tracker = live(run, final) if section.enabled else None
    if tracker is None:
        yield NullTracker()
        return
    status: Status = "FAILED"
    try:
        yield tracker
        status = "FINISHED" if final else "RUNNING"
    except (Interrupted, KeyboardInterrupt):
        status = "KILLED"
        raise
    finally:
        tracker.close(status)


def live(run: Callable[[], Run], final: bool = False) -> LiveTracker | None:
    """A tracker of a run, or a warning."""
    try:
        return LiveTracker(Spool(run()), final)
    except NOT_WRITTEN as error:
        warn(f"tracking: nothing of this stage is tracked: {error}")
        return None
