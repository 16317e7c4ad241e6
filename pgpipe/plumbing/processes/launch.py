"""A command in this process, or in several on this machine.

PGPIPE_PROCESSES asks for them: how many share the work is no part of an experiment. On several
machines torchrun is started by hand, around the same command.
"""

import os
from collections.abc import Callable, Sequence

from pgpipe.errors import UsageError
from pgpipe.plumbing.devices import choose
from pgpipe.plumbing.processes.cores import cores
from pgpipe.plumbing.processes.group import MOST, Processes, join
from pgpipe.plumbing.processes.variables import whole

VARIABLE = "PGPIPE_PROCESSES"
MOST_GPUS = 16  # of a machine, each for a process of its own; without them processes share cores


def run(arguments: Sequence[str], work: Callable[[], None]) -> None:
    """Do the work of `pgpipe` with these arguments here, or in as many processes as are wanted."""
    require_environment()
    count = wanted()
    if count > 1:
        from pgpipe.plumbing.processes.elastic import together  # takes a while

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
    asked = whole(VARIABLE, 1, 1, max(MOST_GPUS, cores()))
    return 1 if "RANK" in os.environ else asked


def require_environment() -> None:
    """Refuse a part of what torchrun sets: a process would wait for others, or write nothing.

    Raises:
        UsageError: names the variable.
    """
    rank, size = whole("RANK", 0, 0, MOST), whole("WORLD_SIZE", 1, 1, MOST)
    whole("LOCAL_WORLD_SIZE", 1, 1, MOST)
    needed = ("RANK", "WORLD_SIZE") if "RANK" in os.environ or size > 1 else ()
    if size > 1:
        needed = (*needed, "MASTER_ADDR", "MASTER_PORT")
        whole("MASTER_PORT", 1, 1, 65535)
    for name in needed:
        if name not in os.environ:
            others = " and ".join(other for other in needed if other in os.environ)
            raise UsageError(
                f"{name}: not set, though {others} is; torchrun sets all of them: start the "
                "command by it, or unset them"
            )
    if rank >= size:
        raise UsageError(f"RANK: {rank} is not below WORLD_SIZE, {size}")
