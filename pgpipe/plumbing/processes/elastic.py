"""Several processes of a command on this machine, by torch's elastic launcher."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from pgpipe.errors import INTERRUPTED, Interrupted, PgpipeError, ResourceError
from pgpipe.plumbing.processes import cores, lastwords
from pgpipe.plumbing.processes.lastwords import Words

GRACE_S = 30  # to end a step and save, before a process is killed


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
            raise error_of(codes_of(failed), lastwords.left(Path(logs))) from None
        except SignalException:
            raise error_of({}, lastwords.left(Path(logs))) from None


def settings(count: int, logs: str) -> LaunchConfig:
    """Return the launcher's settings: one attempt, on this machine, at a port of its choice."""
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


def codes_of(failed: ChildFailedError) -> dict[int, int]:
    """Return exit codes by rank, that of the first to fail first: the launcher ends the others."""
    in_time = sorted(failed.failures.items(), key=lambda failure: failure[1].timestamp)
    return {rank: failure.exitcode for rank, failure in in_time}


def error_of(codes: dict[int, int], said: dict[int, Words]) -> PgpipeError:
    """The error that tells most: of the first process that chose a code, else of the first killed.

    Those that were interrupted, or stopped by the launcher because another had failed, tell least;
    of one that was stopped after it had said how it ends, that counts.
    """
    codes = codes | {rank: words.code for rank, words in said.items()}
    stopped = (INTERRUPTED, -signal.SIGTERM, -signal.SIGINT)
    causes = {rank: code for rank, code in codes.items() if code not in stopped}
    for rank, code in sorted(causes.items()):
        if code > 0:
            words = said.get(rank, Words(code, f"process {rank} ended with exit code {code}"))
            error = PgpipeError(words.message)
            error.exit_code = code
            return error
    if causes:
        rank, code = next(iter(causes.items()))
        return ResourceError(
            f"process {rank} was killed (signal {-code}), for its memory perhaps; run the same "
            "command again: a training goes on from its last saved state"
        )
    return Interrupted(said.get(0, Words(INTERRUPTED, "interrupted")).message)
