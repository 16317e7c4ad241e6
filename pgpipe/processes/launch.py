"""A command in this process, or in several on this machine.

PGPIPE_PROCESSES asks for them: how many share the work is no part of an experiment. On several
machines torchrun is started by hand, around the same command.
"""

import os
from collections.abc import Callable, Sequence

from pgpipe.devices import choose
from pgpipe.errors import UsageError
from pgpipe.processes.group import Processes, join

VARIABLE = "PGPIPE_PROCESSES"


def run(arguments: Sequence[str], work: Callable[[], None]) -> None:
    """Do the work of `pgpipe` with these arguments here, or in as many processes as are wanted."""
    count = wanted()
    if count > 1:
        from pgpipe.processes.elastic import together  # takes a while

        together(count, arguments)
    else:
        work()


def share(arguments: Sequence[str], work: Callable[[Processes], None]) -> None:
    """The same for work of a group of processes, each on a device of its own where there is one."""

    def in_group() -> None:
        with join(choose()) as group:
            work(group)

    run(arguments, in_group)


def wanted() -> int:
    """Processes to start for a command: 1, or what the environment asks for and has not yet."""
    asked = os.environ.get(VARIABLE, "1")
    if not asked.isdecimal() or int(asked) < 1:
        raise UsageError(f"{VARIABLE}: {asked!r} is not a number of processes")
    return 1 if "RANK" in os.environ else int(asked)
