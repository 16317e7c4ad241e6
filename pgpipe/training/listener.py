"""Who hears of a training as it goes on."""

from pathlib import Path
from typing import Protocol

from pgpipe.training.history import Row


class Listener(Protocol):
    """Who wants to know: a progress bar, a tracker. None of it influences the training."""

    def on_step(self, images: int, fade: float) -> None:
        """`images` of this phase were seen, the last of them at `fade`."""

    def on_tick(self, row: Row, preview: Path) -> None:
        """A row of history, and the picture of the fixed latents at that moment."""

    def on_scores(self, row: Row) -> None:
        """Quick scores of a tick, which come some time after it."""

    def on_rollback(self, tensor: str, at: float, to: float) -> None:
        """A tensor was not finite at `at` kimg; the training goes on from its state of `to`."""
