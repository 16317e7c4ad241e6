"""machine: what `train.precision: auto` means on this machine.

It always runs, and writes the same bytes again on a machine of the same kind. All phases depend on
them, so that the results of one kind of machine are none of another's.
"""

from pgpipe.config import read_params, validate
from pgpipe.plumbing import sealed
from pgpipe.plumbing.files import write_json
from pgpipe.plumbing.terminal import warn
from pgpipe.training.auto import Asked, Machine, here, is_emulated
from stages.paths import MACHINE, SETTLED


class Params(Asked):
    """The parameters that the stage reads."""


def run() -> None:
    """Write data/machine/settled.json."""
    asked = read_params(Params)
    machine = here(asked)
    if is_emulated(asked):
        warn(
            "train.precision: bf16: this CPU has no bfloat16 and emulates it, more slowly than it "
            "computes in fp32; auto takes what is faster"
        )
    write_json(SETTLED, machine.model_dump())
    sealed.seal(MACHINE)


def settled() -> Machine:
    """Read what the stage has written."""
    return validate(Machine, sealed.read_json(SETTLED), str(SETTLED))
