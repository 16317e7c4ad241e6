"""A command in several processes on this machine, by torch's elastic launcher.

PGPIPE_PROCESSES asks for them: how many share the work is no part of an experiment. On several
machines torchrun is started by hand, around the same command.
"""

import logging
import os
import sys
from collections.abc import Callable, Sequence

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from pgpipe.errors import INTERRUPTED, ResourceError, UsageError
from pgpipe.processes.cores import share

VARIABLE = "PGPIPE_PROCESSES"
GRACE_S = 30  # to end a step and save, before a process is killed


def run(arguments: Sequence[str], work: Callable[[], None]) -> None:
    """Do the work of `pgpipe` with these arguments here, or in as many processes as are wanted."""
    count = wanted()
    if count > 1:
        together(count, arguments)
    else:
        work()


def wanted() -> int:
    """Processes to start for a command: 1, or what the environment asks for and has not yet."""
    asked = os.environ.get(VARIABLE, "1")
    if not asked.isdecimal() or int(asked) < 1:
        raise UsageError(f"{VARIABLE}: {asked!r} is not a number of processes")
    return 1 if "RANK" in os.environ else int(asked)


def together(count: int, arguments: Sequence[str]) -> None:
    """Run `pgpipe` with these arguments in `count` processes; the first one says what it does.

    Raises:
        SystemExit: with the exit code of the process that failed.
        ResourceError: a process was killed.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(share(count)))
    quiet = dict.fromkeys(range(1, count), Std.ALL)
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # we say it ourselves
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        run_id="pgpipe",
        logs_specs=DefaultLogsSpecs(redirects=quiet),
        shutdown_timeout=GRACE_S,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "pgpipe", *arguments)
    except ChildFailedError as failed:
        sys.exit(code_of({rank: failure.exitcode for rank, failure in failed.failures.items()}))
    except SignalException:
        sys.exit(INTERRUPTED)


def code_of(codes: dict[int, int]) -> int:
    """The exit code that tells most: of the first process if it chose one, else of another."""
    chosen = [code for _, code in sorted(codes.items()) if code > 0]
    if not chosen:
        rank, code = min(codes.items())
        raise ResourceError(
            f"process {rank} was killed (signal {-code}), for its memory perhaps; run the same "
            "command again: a training goes on from its last saved state"
        )
    return chosen[0]
