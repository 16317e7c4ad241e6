"""What a store can answer instead of taking a run: later will do, or it needs a hand.

The spool keeps everything either way, so that nobody has to wait or to fail.
"""

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pgpipe.errors import (
    IntegrityError,
    NetworkError,
    PgpipeError,
    ResourceError,
    UsageError,
    without_credentials,
)
from pgpipe.plumbing.unwritable import refusal
from pgpipe.tracking.address import VARIABLE, given, is_database, shown_store
from pgpipe.tracking.spool import SpoolDamaged

AGAIN = "run pgpipe sync again later"
ANEW = "move it away and run pgpipe sync, which makes it anew from .pgpipe/runs"
REASON = 300  # characters of what a library says


class StoreTrouble(Exception):  # noqa: N818 - a state of the store, not an error of ours
    """The store did not take something; the message is one line without credentials."""

    kind: type[PgpipeError] = UsageError


class StoreAway(StoreTrouble):
    """The store cannot be used now; the same again later will do."""

    kind = NetworkError


class StoreRefuses(StoreTrouble):
    """The store will not take it, however often it is asked; the message says the cure."""

    def __init__(self, message: str, kind: type[PgpipeError] = UsageError) -> None:
        super().__init__(message)
        self.kind = kind


class Refusal(NamedTuple):
    """A permanent trouble: how it is recognised, and its cure."""

    pattern: str  # of the error's code or its text
    kind: type[PgpipeError]
    cure: str


REFUSALS = [
    Refusal(
        "out-of-date database schema|locate revision",
        UsageError,
        "another version of MLflow made it: install that one, or, where it was older, make a copy "
        f"and run mlflow db upgrade with the store's address; or {ANEW}",
    ),
    Refusal("not a database|malformed|no such (table|column)", IntegrityError, f"damaged; {ANEW}"),
    Refusal("disk is full|No space left|Disk quota", ResourceError, f"free some disk and {AGAIN}"),
    Refusal(
        "disk I/O error",
        ResourceError,
        "its disk failed, or a file may not be as large here (ulimit -f); mend that, then run "
        "pgpipe sync",
    ),
    Refusal(
        "readonly database|Read-only|unable to open|Permission denied|Is a directory|Not a dir",
        UsageError,
        "it and its folder have to be readable and writable for you; mend that, or name another "
        f"store in {VARIABLE}",
    ),
    Refusal(
        "PERMISSION_DENIED|CUSTOMER_UNAUTHORIZED|UNAUTHENTICATED|authentication failed",
        UsageError,
        "it wants other credentials; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
        f"MLFLOW_TRACKING_TOKEN, or those in {VARIABLE}",
    ),
    Refusal(
        "No module named|[Cc]an't load plugin|MissingGreenlet",
        UsageError,
        f"install the driver that {VARIABLE} names, or name another store there",
    ),
    Refusal(
        "ENDPOINT_NOT_FOUND|NOT_IMPLEMENTED",
        UsageError,
        f"it does not answer as MLflow does; look at the address in {VARIABLE}",
    ),
    Refusal(
        "INVALID_PARAMETER_VALUE|BAD_REQUEST|INVALID_STATE|RESOURCE_|ALREADY_EXISTS|NOT_FOUND"
        "|ArgumentError|INTERNAL_ERROR in a database",
        UsageError,
        "it refuses this whenever it is asked; change what it names, or delete the run's folder in "
        ".pgpipe/runs if it is not wanted",
    ),
]  # the first that fits counts


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn any failure of the block, which uses mlflow, into a `StoreTrouble`; but for ours."""
    try:
        yield
    except (StoreTrouble, SpoolDamaged, PgpipeError):
        raise
    except Exception as error:
        raise trouble(error) from error


def trouble(error: Exception) -> StoreTrouble:
    """The trouble that an error of MLflow, SQLAlchemy or the system stands for."""
    reason = textwrap.shorten(str(error) or type(error).__name__, REASON)
    told = without_credentials(f"{shown_store()}: {reason}")
    code = getattr(error, "error_code", type(error).__name__)
    place = " in a database" if is_database() else ""
    evidence = f"{code}{place}: {error}"
    for pattern, kind, cure in REFUSALS:
        if re.search(pattern, evidence):
            return StoreRefuses(f"{told}; {cure}", kind)
    if isinstance(error, OSError) and (refused := refusal(error, Path(error.filename or "."))):
        return StoreRefuses(str(refused), type(refused))
    return StoreAway(told)


def bad_address(fault: str) -> StoreRefuses:
    """The trouble of an address that is none."""
    return StoreRefuses(
        f"{VARIABLE}: {without_credentials(given())!r}: {fault}; expected http://HOST:PORT, "
        "sqlite:///FILE.db, postgresql://HOST/NAME, or nothing for mlflow.db in the project"
    )
