"""A span of wall-clock time."""

import time


class Timer:
    """Says whether `seconds` have passed since it was made or restarted."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Count anew from now."""
        self.started = time.monotonic()

    def elapsed(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() - self.started >= self.seconds


def in_words(seconds: float) -> str:
    """Return a span in minutes, or in hours from one on."""
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.0f} min"
