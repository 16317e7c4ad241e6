"""The estimate as lines for a terminal."""

from collections.abc import Iterator

from pgpipe.estimate import memory
from pgpipe.estimate.disk import Part, human
from pgpipe.estimate.plan import Plan


def disk(parts: list[Part], free: int, written: int) -> Iterator[str]:
    """Each part, their sum, and what there is; `~` before what data or compression decide."""
    if not any(part.where.startswith("data/multires") for part in parts):
        yield "         ?  data/multires: how many images there are is known once they are read"
    for part in parts:
        mark = " " if part.certain else "~"
        yield f"{mark}{human(part.bytes):>9}  {part.where}: {part.what}"
    yield f" {human(sum(part.bytes for part in parts)):>9}  in all"
    yield f" {human(written):>9}  of an earlier run, which may be the same"
    yield f" {human(free):>9}  free"


def processes(plan: Plan) -> Iterator[str]:
    """The memory of the stages that take most."""
    for key, phase in plan.growth.phases.items():
        minibatch = plan.minibatch(phase)
        yield f"~{human(memory.training(plan, phase)):>9}  train {key}: minibatches of {minibatch}"
    yield f"~{human(memory.scoring(plan)):>9}  reference, score"
