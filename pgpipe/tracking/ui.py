"""MLflow's UI on this machine only, over the project's store.

With one worker and without its job runner it takes a third of the default's memory and time.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pgpipe.errors import NetworkError, PgpipeError, UsageError
from pgpipe.plumbing.project import project_root
from pgpipe.plumbing.terminal import say, warn
from pgpipe.tracking.address import artifacts_uri, fault_of_address, is_database, store_uri
from pgpipe.tracking.store import connect
from pgpipe.tracking.sync import sync, trouble_with_store
from pgpipe.tracking.troubles import StoreTrouble, store_errors

HOST = "127.0.0.1"
PATIENCE_S = 10.0  # for the server's end
VIEW = "pgpipe"  # the key of the table's layout, which MLflow keeps in a tag of the experiment
LATEST, MOST_PARAMS = 200, 12  # runs that are looked at; columns of parameters

if TYPE_CHECKING:
    from mlflow import MlflowClient


def serve(port: int, experiment: str) -> None:
    """Show the store at `port` until Ctrl-C or SIGTERM, and print where the runs are.

    Raises:
        UsageError: the port is in use, or the store is a server, which has a UI of its own.
        PgpipeError: the store cannot be used, or the UI did not start.
    """
    if not is_database() and not fault_of_address():
        raise UsageError("MLFLOW_TRACKING_URI: names a server, which has a UI; open its address")
    if answers(port):
        raise UsageError(f"port {port} is in use; name another one with --port")
    if trouble := trouble_with_store():
        raise trouble.kind(str(trouble))
    sync_if_possible(experiment)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with server(port, runs_page(experiment)) as process:
            process.wait()
    except KeyboardInterrupt:
        return
    raise NetworkError(f"the UI has ended; see {project_root() / '.pgpipe' / 'ui.log'}")


def sync_if_possible(experiment: str) -> None:
    """Show what the store has where it cannot get the rest."""
    try:
        sync(experiment)
    except PgpipeError as error:
        warn(error)


def runs_page(experiment: str) -> str:
    """The part of the address that leads to an experiment's runs, with the columns that matter."""
    try:
        with store_errors():
            client, found = connect(experiment)
            if found.deleted:
                return ""
            columns = json.dumps({"selectedColumns": list(columns_of(client, found.identity))})
            client.set_experiment_tag(found.identity, f"mlflow.sharedViewState.{VIEW}", columns)
    except StoreTrouble:
        return ""
    view = f"workflowType=machine_learning&viewStateShareKey={VIEW}"
    return f"#/experiments/{found.identity}/runs?{view}"


def columns_of(client: "MlflowClient", experiment: str) -> Iterator[str]:
    """Yield the columns of the table of runs: scores, and the parameters that differ."""
    runs = client.search_runs([experiment], max_results=LATEST)
    scores = dict.fromkeys(n for run in runs for n in run.data.metrics if n.startswith("score/"))
    values: dict[str, set[str | None]] = {}
    for name in sorted({name for run in runs for name in run.data.params}):
        values[name] = {run.data.params.get(name) for run in runs if run.data.params}
    changed = [name for name, found in values.items() if len(found) > 1]
    yield "attributes.`Source`"
    yield from (f"metrics.`{name}`" for name in scores)
    yield from (f"params.`{name}`" for name in changed[:MOST_PARAMS])


@contextmanager
def server(port: int, page: str) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server while the block runs, in a session of its own, which ends as a whole."""
    options = {
        "--default-artifact-root": str(artifacts_uri()),
        "--host": HOST,
        "--port": str(port),
        "--workers": "1",
    }
    command = [sys.executable, "-m", "mlflow", "server", *(w for o in options.items() for w in o)]
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_BACKEND_STORE_URI": store_uri(),  # no option: all users see those, passwords too
    }
    with (project_root() / ".pgpipe" / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        announce(process, port, page)
        yield process
    finally:
        end(process)


def announce(process: subprocess.Popen[bytes], port: int, page: str) -> None:
    """Print the address as soon as it answers."""
    while process.poll() is None and not answers(port):
        time.sleep(0.2)
    if process.poll() is None:
        say(f"http://{HOST}:{port}/{page} (Ctrl-C ends it)")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a session, kindly at first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(PATIENCE_S)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def answers(port: int) -> bool:
    """Whether something listens on `port` of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
