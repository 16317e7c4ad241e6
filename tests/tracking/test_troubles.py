"""What a store's failures mean: whose fault, and so which exit code, with a cure in the message."""

import sqlite3

import pytest

from pgpipe.errors import IntegrityError, NetworkError, PgpipeError, ResourceError, UsageError
from pgpipe.tracking.troubles import trouble


@pytest.mark.parametrize(
    ("said", "kind", "cure"),
    [
        ("disk I/O error", ResourceError, "ulimit -f"),
        ("database or disk is full", ResourceError, "free some disk"),
        ("attempt to write a readonly database", UsageError, "readable and writable"),
        ("unable to open database file", UsageError, "readable and writable"),
        ("database disk image is malformed", IntegrityError, "move it away"),
        ("file is not a database", IntegrityError, "move it away"),
        ("database is locked", NetworkError, "locked"),  # the same again later will do
    ],
)
def test_what_sqlite_says_of_a_store(
    project: None, said: str, kind: type[PgpipeError], cure: str
) -> None:
    found = trouble(sqlite3.OperationalError(said))
    assert found.kind is kind
    assert cure in str(found)
