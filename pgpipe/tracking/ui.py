"""MLflow's UI on this machine only, over the project's store.

With one worker and without its job runner it takes a third of the default's memory and time.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pgpipe.errors import NetworkError, PgpipeError, UsageError
from pgpipe.plumbing.project import project_root
from pgpipe.plumbing.terminal import say, warn
from pgpipe.tracking import view
from pgpipe.tracking.address import artifacts_uri, fault_of_address, is_database, store_uri
from pgpipe.tracking.store import connect
from pgpipe.tracking.sync import sync, trouble_with_store
from pgpipe.tracking.troubles import StoreTrouble, store_errors

HOST = "127.0.0.1"
PATIENCE_S = 10.0  # for the server's end


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
    """The part of the address that leads to an experiment's runs, in the layout made for them."""
    try:
        with store_errors():
            client, found = connect(experiment)
            if found.deleted:
                return ""
            view.put(client, found.identity)
    except StoreTrouble:
        return ""
    return f"#/experiments/{found.identity}/runs?{view.ADDRESS}"


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
