"""The MLflow store: MLFLOW_TRACKING_URI, else a SQLite file in the project's root.

mlflow is imported where it is used, because that takes seconds. Whatever goes wrong with a store
is one `StoreAway`: the spool keeps everything, so that nobody has to wait or to fail.
"""

import os
import re
import textwrap
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pgpipe.project import project_root
from pgpipe.tracking.spool import locked

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
MACHINE_LEARNING = {"mlflow.experimentKind": "custom_model_development"}  # which UI it gets


class StoreAway(Exception):  # noqa: N818 - a state of the store, not an error of ours
    """The store cannot be used now; the message is one line without credentials."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn any failure of the block, which uses mlflow, into a `StoreAway`."""
    try:
        yield
    except StoreAway:
        raise
    except Exception as error:
        reason = textwrap.shorten(str(error) or type(error).__name__, 200)
        raise StoreAway(without_credentials(f"{store_uri()}: {reason}")) from error


def without_credentials(text: str) -> str:
    """`text` with `scheme://user:password@host` as `scheme://host`."""
    return re.sub(r"//[^/@\s]+@", "//", text)


def store_uri() -> str:
    """Where runs are mirrored to; a relative SQLite path counts from the project's root."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
    if not uri.startswith(SQLITE):
        return uri
    return f"{SQLITE}{project_root().resolve() / uri.removeprefix(SQLITE)}"


def artifacts_uri() -> str | None:
    """Where a store without a server keeps artifacts; a server decides that itself."""
    folder = project_root().resolve() / "mlartifacts"
    return None if store_uri().startswith("http") else folder.as_uri()


def connect(experiment: str) -> tuple["MlflowClient", str]:
    """A client of the store, and the id of `experiment`, which is created if need be."""
    from mlflow import MlflowClient

    ensure_database()
    client = MlflowClient(tracking_uri=store_uri())
    with store_lock():
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return client, client.create_experiment(experiment, artifacts_uri(), MACHINE_LEARNING)
    if "MLFLOW_TRACKING_URI" not in os.environ and found.artifact_location != artifacts_uri():
        raise StoreAway(
            f"{store_uri()}: made for {found.artifact_location}, before the project was moved or "
            "copied; delete mlflow.db and run pgpipe sync, which makes it anew"
        )
    return client, found.experiment_id


def ensure_database() -> None:
    """Create a SQLite store, whole or not at all: two processes in its migrations break it."""
    if not store_uri().startswith(SQLITE):
        return
    database = Path(store_uri().removeprefix(SQLITE))
    with store_lock():
        if not database.exists():
            temporary = database.with_name(f"{database.name}.new")
            temporary.unlink(missing_ok=True)
            create_database(temporary)
            temporary.replace(database)


def create_database(file: Path) -> None:
    """Write an empty store; its many migrations run in memory, where none waits for the disk."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(f"{SQLITE}:memory:", artifacts_uri())  # type: ignore[no-untyped-call]
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM INTO ?", (str(file),))
    store.engine.dispose()


def store_lock() -> AbstractContextManager[None]:
    """Held while something of the store is created that must exist once."""
    return locked(project_root() / ".pgpipe" / "store.lock")
