"""Putting a run's generator into MLflow's model registry, once per run and name."""

import re
from typing import TYPE_CHECKING, NamedTuple

from pgpipe.errors import UsageError
from pgpipe.plumbing.startfile import ADDRESS
from pgpipe.tracking.address import shown_store
from pgpipe.tracking.model import ABOUT, FOLDER
from pgpipe.tracking.push import KEY_TAG, push
from pgpipe.tracking.spool import SpoolDamaged, runs_folder
from pgpipe.tracking.store import connect, store_lock
from pgpipe.tracking.sync import DAMAGE_CURE
from pgpipe.tracking.troubles import StoreTrouble, store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

NAME = re.compile(r"[^/:.\s][^/:]{0,199}")  # what MLflow and its addresses `models:/NAME/1` take
NEWEST = ["attributes.start_time DESC"]


class Registered(NamedTuple):
    """A version of a registered model."""

    version: str
    run_id: str
    run_name: str
    new: bool


def register(name: str, experiment: str, run: str = "", key: str = "") -> Registered:
    """Register the generator of a run under a name, unless this run is registered there already.

    Args:
        name: of the model.
        experiment: in which a run is looked for by its name.
        run: its id, address or name; empty: the one of this key.
        key: of the run of what the current folder holds.

    Raises:
        UsageError: the name is none, there is no such run, or it has no generator.
        PgpipeError: the store cannot be used.
    """
    if not (NAME.fullmatch(name) and name.isprintable()):
        raise UsageError(f"{name!r}: a model's name has 1 to 200 characters, none of them / or :")
    try:
        if not run and (runs_folder() / key).is_dir():
            push(runs_folder() / key)  # what the store does not have yet
        with store_errors():
            client, found = connect(experiment)
            return registered(client, name, find(client, found.identity, run, key))
    except StoreTrouble as trouble:
        raise trouble.kind(str(trouble)) from None
    except SpoolDamaged as damage:
        raise UsageError(f"{damage}; {DAMAGE_CURE}") from None


def find(client: "MlflowClient", experiment: str, run: str, key: str) -> "Run":
    """Return the newest run of an experiment that a name or a key means, or that of an id."""
    from mlflow.exceptions import MlflowException

    address = ADDRESS.fullmatch(run)
    identity = address["run"] if address else run
    by = f"tags.`{KEY_TAG}` = '{key}'"
    if run:
        try:
            return client.get_run(identity)
        except MlflowException:  # no id, then
            by = "attributes.run_name = '{}'".format(run.replace("'", "''"))
    runs = client.search_runs([experiment], by, max_results=1, order_by=NEWEST)
    if not runs:
        meant = run or "what this folder holds"
        raise UsageError(f"{meant}: no such run in {shown_store()}; name a run's id or name")
    return runs[0]


def registered(client: "MlflowClient", name: str, run: "Run") -> Registered:
    """Return the version of a model that is of a run, which is made if need be."""
    identity, run_name = run.info.run_id, run.info.run_name
    if f"{FOLDER}/{ABOUT}" not in {file.path for file in client.list_artifacts(identity, FOLDER)}:
        raise UsageError(
            f"run {run_name} ({identity}): has logged no generator that MLflow loads; "
            "`dvc repro -f report`, in the folder that holds it, logs one"
        )
    with store_lock():
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        for version in client.search_model_versions(f"name = '{name}'"):
            if version.run_id == identity:
                return Registered(str(version.version), identity, run_name, new=False)
        source = f"{run.info.artifact_uri}/{FOLDER}"
        version = client.create_model_version(name, source, identity)
    return Registered(str(version.version), identity, run_name, new=True)
