"""A stage's run in the tracker.

The section `tracking` decides nothing about a result, so no stage's `params:` name it.
"""

from contextlib import AbstractContextManager

from pgpipe.config import Section, read_params
from pgpipe.tracking.config import TrackingSection
from pgpipe.tracking.tracker import Tracker, open_run


class Tracking(Section):
    """The one section that is not in dvc.yaml."""

    tracking: TrackingSection


def section() -> TrackingSection:
    """The section `tracking` of params.yaml."""
    return read_params(Tracking).tracking


def tracked(stage: str, final: bool = False) -> AbstractContextManager[Tracker]:
    """The tracker's run of the current parameters and code, for `stage` to log to."""
    return open_run(stage, section(), final)
