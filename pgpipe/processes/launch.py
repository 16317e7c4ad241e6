"""A command in this process, or in several on this machine.

PGPIPE_PROCESSES asks for them: how many share the work is no part of an experiment. On several
machines torchrun is started by hand, around the same command.
"""

import os
import re
from collections.abc import Callable, Sequence

from pgpipe.devices import choose
from pgpipe.errors import UsageError
from pgpipe.processes.group import Processes, join

VARIABLE = "PGPIPE_PROCESSES"


NUMBER = re.compile("[0-9]{1,9}")


def run(arguments: Sequence[str], work: Callable[[], None]) -> None:
    """Do the work of `pgpipe` with these arguments here, or in as many processes as are wanted."""
    require_environment()
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


def require_environment() -> None:
    """Refuse a part of what torchrun sets: a process would wait for others, or write nothing.

    Raises:
        UsageError: names the variable.
    """
    rank, size = number("RANK", 0), number("WORLD_SIZE", 1)
    number("LOCAL_WORLD_SIZE", 1)
    needed = ("RANK", "WORLD_SIZE") if "RANK" in os.environ or size > 1 else ()
    if size > 1:
        needed = (*needed, "MASTER_ADDR", "MASTER_PORT")
        number("MASTER_PORT", 0)
        number("LOCAL_RANK", 0)
    for name in needed:
        if name not in os.environ:
            others = " and ".join(other for other in needed if other in os.environ)
            raise UsageError(
                f"{name}: not set, though {others} is; torchrun sets all of them: start the "
                "command by it, or unset them"
            )
    if rank >= size:
        raise UsageError(f"RANK: {rank} is not below WORLD_SIZE, {size}")


def number(name: str, default: int) -> int:
    """Return a number of the environment; UsageError where it is none."""
    text = os.environ.get(name, str(default))
    if not NUMBER.fullmatch(text):
        raise UsageError(f"{name}: {text[:40]!r} is not a number, as torchrun sets it")
    return int(text)
