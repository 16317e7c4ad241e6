"""A stage's run in the tracker.

The section `tracking` decides nothing about a result, so no stage's `params:` name it.
"""

from contextlib import AbstractContextManager

from pgpipe.config import PARAMS_FILE, Section, load_yaml, read_params
from pgpipe.data.feeding.multires import read_manifest
from pgpipe.plumbing import startfile
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.plumbing.provenance import running
from pgpipe.tracking.config import TrackingSection
from pgpipe.tracking.identity import this_run
from pgpipe.tracking.tracker import Tracker, open_run
from pgpipe.training.auto import Asked, here
from stages.code import code_hash
from stages.paths import MULTIRES, START


class Tracking(Section):
    """The one section that is not in dvc.yaml."""

    tracking: TrackingSection


def section() -> TrackingSection:
    """The section `tracking` of params.yaml."""
    return read_params(Tracking).tracking


def tracked(stage: str, final: bool = False) -> AbstractContextManager[Tracker]:
    """Return the tracker's run of the current parameters, code and data, for a stage to log to."""
    return open_run(stage, section(), made_of(), final)


def key() -> str:
    """Return what the tracker's run of the current parameters, code and data is found by."""
    return this_run("", section().experiment, made_of()).key


def made_of() -> str:
    """Return the hash of the code, files and kind of machine that a result comes from here."""
    code = code_hash(running(), load_yaml(PARAMS_FILE))
    machine = here(read_params(Asked)).model_dump()
    files = [read_manifest(MULTIRES)["arrays"], *filter(None, [startfile.seen(START)])]
    return sha256_json([code, *files, machine])
