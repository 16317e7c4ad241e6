"""Where the store is: MLFLOW_TRACKING_URI, else a SQLite file in the project's root.

A path becomes part of an address by percent-encoding (RFC 3986), or a `?` in a folder's name would
begin a query. `sqlite+pysqlite` names SQLAlchemy's own driver; of a plain `sqlite:///` MLflow 3.17
also creates the folder as it is encoded.
"""

import os
import re
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote, urlsplit

from pgpipe.errors import without_credentials
from pgpipe.plumbing.project import project_root

VARIABLE = "MLFLOW_TRACKING_URI"
DATABASE = "mlflow.db"
SQLITE = "sqlite+pysqlite:///"
GIVEN_SQLITE = re.compile(r"sqlite(\+pysqlite)?:///(?P<path>[^?]+)(?P<query>\?.*)?", re.DOTALL)
DATABASES = {"sqlite", "postgresql", "mysql", "mssql"}  # the client itself keeps the artifacts


def given() -> str:
    """The address that the user has set, or nothing."""
    return os.environ.get(VARIABLE, "")


def store_uri() -> str:
    """Where runs are mirrored to; a relative SQLite path counts from the project's root."""
    file = sqlite_file()
    if file is None:
        return given()
    found = GIVEN_SQLITE.fullmatch(given())
    query = found["query"] if found else None
    return f"{SQLITE}{quote_from_bytes(os.fsencode(file))}{query or ''}"


def sqlite_file() -> Path | None:
    """The file of a SQLite store; None where the store is another one."""
    if not given():
        return project_root().resolve() / DATABASE
    found = GIVEN_SQLITE.fullmatch(given())
    return project_root().resolve() / unquote(found["path"]) if found else None


def is_database() -> bool:
    """Whether the client itself writes to the store's tables, and keeps the artifacts."""
    return store_uri().partition(":")[0].partition("+")[0] in DATABASES


def artifacts_uri() -> str | None:
    """Where a store without a server keeps artifacts; a server decides that itself."""
    return (project_root().resolve() / "mlartifacts").as_uri() if is_database() else None


def shown_store() -> str:
    """The store as an error names it."""
    return str(sqlite_file() or without_credentials(store_uri()))


def fault_of_address() -> str | None:
    """What is wrong with the address that the user has set; None where it can be one."""
    scheme, rest = given().partition(":")[::2]
    kind = scheme.partition("+")[0]
    if not given() or sqlite_file() or given().startswith("databricks"):
        return None
    if kind in DATABASES - {"sqlite"}:
        return None if rest.startswith("//") else "its scheme is not followed by //"
    if scheme not in ("http", "https"):
        return "no store has such an address"
    try:
        parts = urlsplit(given())
        return None if parts.hostname and parts.port != 0 else "it names no host"
    except ValueError as error:  # of a port that is no number, for instance
        return str(error)
