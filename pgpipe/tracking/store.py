"""Opening the MLflow store, which is created where it is a SQLite file that is not there yet.

mlflow is imported where it is used, because that takes seconds.
"""

import logging
import os
import shlex
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pgpipe.errors import without_credentials
from pgpipe.plumbing import locks
from pgpipe.plumbing.project import project_root
from pgpipe.tracking import answers
from pgpipe.tracking.address import (
    SQLITE,
    VARIABLE,
    artifacts_uri,
    fault_of_address,
    given,
    shown_store,
    sqlite_file,
    store_uri,
)
from pgpipe.tracking.troubles import ANEW, StoreRefuses, bad_address, store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

MACHINE_LEARNING = {"mlflow.experimentKind": "custom_model_development"}  # which UI it gets


class ExperimentDeleted(StoreRefuses):
    """A run is to be added to an experiment that was deleted in the store."""


class Experiment(NamedTuple):
    """An experiment of the store: MLflow's id, and whether it was deleted there."""

    name: str
    identity: str
    deleted: bool = False

    def require_active(self) -> None:
        """Refuse to add a run to an experiment that was deleted.

        Raises:
            ExperimentDeleted: it was; the message says how to go on.
        """
        if self.deleted:
            address = f"{VARIABLE}={shlex.quote(without_credentials(given()))} " if given() else ""
            raise ExperimentDeleted(
                f"experiment {self.name!r} was deleted in {shown_store()}; restore it with "
                f"`{address}mlflow experiments restore --experiment-id {self.identity}` in the "
                "project's root, or name another one in params.yaml (tracking.experiment); then "
                "run pgpipe sync"
            )


def connect(experiment: str) -> tuple["MlflowClient", Experiment]:
    """A client of the store, and its `experiment`, which is created if need be.

    Raises:
        StoreRefuses: it was made for another place.
    """
    client = open_store()
    with store_lock():
        found = client.get_experiment_by_name(experiment)
        if found is None:
            new = client.create_experiment(experiment, artifacts_uri(), MACHINE_LEARNING)
            return client, Experiment(experiment, new)
    refuse_another_place(found.artifact_location)
    return client, Experiment(experiment, found.experiment_id, found.lifecycle_stage == "deleted")


def open_store() -> "MlflowClient":
    """A client of the store, whose address and file are sound."""
    if fault := fault_of_address():
        raise bad_address(fault)
    from mlflow import MlflowClient
    from mlflow.store.db import utils

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # we say it ourselves
    answers.bound()
    utils.MAX_RETRY_COUNT = 1  # its own ten take 100 seconds, also where a file may not be read
    ensure_database()
    return MlflowClient(tracking_uri=store_uri())


def require_store() -> None:
    """Ask the store for anything at all.

    Raises:
        StoreTrouble: it gives no answer.
    """
    with store_errors():
        open_store().search_experiments(max_results=1)


def refuse_another_place(location: str) -> None:
    """Refuse a project's own store whose artifacts lie outside of the project."""
    here = str(artifacts_uri())  # MLflow's first experiment has a folder in it
    if not given() and location != here and not location.startswith(f"{here}/"):
        raise StoreRefuses(
            f"{shown_store()}: made for {location}, before the project was moved or copied; {ANEW}"
        )


def ensure_database() -> None:
    """Create a SQLite store, whole or not at all: two processes in its migrations break it."""
    database = sqlite_file()
    if database is None:
        return
    with store_lock():
        if not database.exists() or (database.is_file() and database.stat().st_size == 0):
            temporary = database.with_name(f"{database.name}.new")
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            create_database(temporary)
            temporary.replace(database)
    require_sound(database)


def require_sound(database: Path) -> None:
    """Raise what SQLite says of a file that it cannot read or, by its rights, not write."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not (os.access(database, os.W_OK) and os.access(database.parent, os.W_OK)):
        raise PermissionError("Permission denied")


def create_database(file: Path) -> None:
    """Write an empty store; its many migrations run in memory, where none waits for the disk."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(f"{SQLITE}:memory:", artifacts_uri())  # type: ignore[no-untyped-call]
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM INTO ?", (str(file),))
    store.engine.dispose()


def store_lock() -> AbstractContextManager[object]:
    """Held while something of the store is created that must exist once."""
    return locks.waiting(project_root() / ".pgpipe" / "store.lock")
