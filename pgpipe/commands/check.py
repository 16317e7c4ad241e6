"""The command `pgpipe check`: as a stage, or with an estimate of what a run takes."""

from importlib import import_module
from typing import Annotated

import typer

from pgpipe.plumbing.terminal import say


def check(
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Also estimate how much disk and memory a run takes.")
    ] = False,
) -> None:
    """Validate params.yaml."""
    import_module("stages.check").run()
    if estimate:
        for line in estimated():
            say(line)


def estimated() -> list[str]:
    """The estimate for params.yaml as lines."""
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
    return [
        "disk:",
        *table.disk(parts, shutil.disk_usage(root).free, disk.written(root)),
        "memory:",
        *table.processes(plan),
    ]
