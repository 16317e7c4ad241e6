"""How a command runs a stage."""

from importlib import import_module

from pgpipe.config import unedited


def run(name: str, key: str = "") -> None:
    """Run a stage, or that of the phase `key`, by parameters that nobody edits until it ends."""
    stage = import_module(f"stages.{name}")
    with unedited(stage.Params, key):
        stage.run(*([key] if key else []))
