"""The estimate as rows for a terminal: `~` before what is not certain, bytes, and what it is."""

from collections.abc import Iterator

from pgpipe.estimate import memory
from pgpipe.estimate.disk import Part, human
from pgpipe.estimate.plan import Plan
from pgpipe.plumbing.terminal import Row

BYTES = (1,)  # the column that is aligned to the right


def disk(parts: list[Part], free: int, written: int) -> Iterator[Row]:
    """Each part, their sum, and what there is."""
    if not any(part.where.startswith("data/multires") for part in parts):
        yield "", "?", "data/multires: how many images there are is known once they are read"
    for part in parts:
        mark = "" if part.certain else "~"
        yield mark, human(part.bytes), f"{part.where}: {part.what}"
    yield "", human(sum(part.bytes for part in parts)), "in all"
    yield "", human(written), "of an earlier run, which may be the same"
    yield "", human(free), "free"


def processes(plan: Plan) -> Iterator[Row]:
    """The memory of the stages that take most."""
    for key, phase in plan.growth.phases.items():
        minibatch = plan.minibatch(phase)
        yield "~", human(memory.training(plan, phase)), f"train {key}: minibatches of {minibatch}"
    yield "~", human(memory.scoring(plan)), "reference, score"
