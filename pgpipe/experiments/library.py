"""submitit, an optional library, which hands jobs to processes of this machine or to Slurm."""

import logging
from functools import cache
from typing import Any

from pgpipe.errors import UsageError


@cache
def library() -> Any:
    """Return submitit, which is optional; its warnings are ours to say.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import submitit
        import submitit.core.utils
    except ModuleNotFoundError:
        raise UsageError(
            "submitit is not installed, which runs jobs; install it: pip install 'pgpipe[slurm]'"
        ) from None
    logging.getLogger("submitit").setLevel(logging.CRITICAL)
    return submitit
