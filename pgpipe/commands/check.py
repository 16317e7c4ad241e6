"""The command `pgpipe check`: as a stage, or with an estimate of what a run takes."""

from importlib import import_module
from typing import Annotated

import typer

from pgpipe.plumbing.terminal import say, say_table


def check(
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Also estimate how much disk and memory a run takes.")
    ] = False,
) -> None:
    """Validate params.yaml."""
    import_module("stages.check").run()
    if estimate:
        show_estimate()


def show_estimate() -> None:
    """Print how much disk and memory a run of params.yaml takes."""
    import shutil

    from pgpipe.config import PARAMS_FILE, load_yaml
    from pgpipe.data.preparing import census
    from pgpipe.estimate import disk, table
    from pgpipe.plumbing.project import project_root
    from stages.check import check, plan_of

    plan = plan_of(check(load_yaml(PARAMS_FILE), str(PARAMS_FILE)))
    root = project_root()
    images, raw = census.of(plan.dataset)
    parts = disk.parts(plan, images, raw)
    say("disk:")
    say_table(
        table.disk(parts, shutil.disk_usage(root).free, disk.written(root)), right=table.BYTES
    )
    say("memory:")
    say_table(table.processes(plan), right=table.BYTES)
