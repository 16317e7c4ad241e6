"""A command in several processes on this machine, by torch's elastic launcher.

PGPIPE_PROCESSES asks for them: how many share the work is no part of an experiment. On several
machines torchrun is started by hand, around the same command.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from pgpipe.devices import choose
from pgpipe.errors import INTERRUPTED, Interrupted, PgpipeError, ResourceError, UsageError
from pgpipe.processes import cores, lastwords
from pgpipe.processes.group import Processes, join

VARIABLE = "PGPIPE_PROCESSES"
GRACE_S = 30  # to end a step and save, before a process is killed


def run(arguments: Sequence[str], work: Callable[[], None]) -> None:
    """Do the work of `pgpipe` with these arguments here, or in as many processes as are wanted."""
    count = wanted()
    if count > 1:
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


def together(count: int, arguments: Sequence[str]) -> None:
    """Run `pgpipe` with these arguments in `count` processes; the first one says what it does.

    Raises:
        PgpipeError: the error of the process that failed, with its exit code.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(cores.share(count)))
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # we say it ourselves
    with TemporaryDirectory(prefix="pgpipe-") as logs:
        try:
            elastic_launch(settings(count, logs), sys.executable)("-m", "pgpipe", *arguments)
        except ChildFailedError as failed:
            codes = {rank: failure.exitcode for rank, failure in failed.failures.items()}
            raise error_of(codes, lastwords.left(Path(logs))) from None
        except SignalException:
            raise error_of({}, lastwords.left(Path(logs))) from None


def settings(count: int, logs: str) -> LaunchConfig:
    """Of torch's launcher: one attempt, on this machine, at a port of its choice."""
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        run_id="pgpipe",
        logs_specs=DefaultLogsSpecs(logs, redirects=dict.fromkeys(range(1, count), Std.ALL)),
        shutdown_timeout=GRACE_S,
    )


def error_of(codes: dict[int, int], said: dict[int, str]) -> PgpipeError:
    """The error that tells most: of the first process that chose a code, else of one killed.

    Those that were interrupted, or stopped by the launcher because another had failed, tell least.
    """
    stopped = (INTERRUPTED, -signal.SIGTERM)
    causes = {rank: code for rank, code in sorted(codes.items()) if code not in stopped}
    for rank, code in causes.items():
        if code > 0:
            error = PgpipeError(said.get(rank, f"process {rank} ended with exit code {code}"))
            error.exit_code = code
            return error
    for rank, code in causes.items():
        return ResourceError(
            f"process {rank} was killed (signal {-code}), for its memory perhaps; run the same "
            "command again: a training goes on from its last saved state"
        )
    return Interrupted(said.get(0, "interrupted"))
