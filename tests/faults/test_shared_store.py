"""A store that several checkouts share: MLflow's server over PostgreSQL, which goes and comes back.

As docs/how-to/shared-store.md has it: three experiments from two checkouts at once, the database
stopped amid them and started again, `pgpipe sync`; nothing is lost or doubled.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from documented.userproject import UserProject
from loopback import free_port
from mlflow import MlflowClient
from tinyproject import Project

from pgpipe.tracking.push import KEY_TAG
from pgpipe.tracking.spool import METRICS_FILE, read_points

FOUND = shutil.which("postgres") or "/usr/lib/postgresql/15/bin/postgres"
BINARIES = Path(os.path.realpath(FOUND)).parent
AWAY_S = 10  # of training without a store
USER = "nobody"  # postgres refuses to run as root
pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not (BINARIES / "initdb").is_file(), reason="no PostgreSQL server here"),
    pytest.mark.skipif(
        find_spec("psycopg2") is None, reason="no psycopg2: pip install .[postgres]"
    ),
]


class Database:
    """A PostgreSQL of its own, at a socket in its folder alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.call("initdb", "--auth=trust", "--username=pgpipe", "--no-sync")
        self.start()
        self.call("createdb", "--host", str(folder), "--username=pgpipe", "mlflow", at=False)

    def call(self, program: str, *arguments: str, at: bool = True) -> None:
        where = ["-D", str(self.folder / "data")] if at else []
        command = [str(BINARIES / program), *where, *arguments]
        user = {"user": USER, "group": "nogroup"} if os.getuid() == 0 else {}
        subprocess.run(
            command,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **user,  # type: ignore[call-overload]
        )

    def start(self) -> None:
        options = f"-c listen_addresses= -c fsync=off -k {self.folder}"
        log = str(self.folder / "log")
        self.call("pg_ctl", "start", "--wait", "--log", log, "--options", options)

    def stop(self) -> None:
        self.call("pg_ctl", "stop", "--mode", "immediate")

    @property
    def uri(self) -> str:
        return f"postgresql+psycopg2://pgpipe@/mlflow?host={self.folder}"


@pytest.fixture
def database() -> Iterator[Database]:
    folder = Path(tempfile.mkdtemp(prefix="pgpipe-"))
    if os.getuid() == 0:
        shutil.chown(folder, USER, "nogroup")
    made = Database(folder)
    yield made
    with suppress(subprocess.CalledProcessError):  # it may be stopped
        made.stop()
    shutil.rmtree(folder)


@pytest.fixture
def store(database: Database, tmp_path: Path) -> Iterator[str]:
    """The address of MLflow's server over it."""
    port = free_port()
    options = ["--artifacts-destination", str(tmp_path / "artifacts"), "--port", str(port)]
    options += ["--backend-store-uri", database.uri, "--workers", "1"]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *options],
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}"
    for process in [*psutil.Process(server.pid).children(True), psutil.Process(server.pid)]:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    server.wait(30)


class Sharing(UserProject):
    """A checkout whose runs go to a server."""

    uri = ""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "MLFLOW_TRACKING_URI": self.uri}


def wait_until(true: Callable[[], object], seconds: float = 500) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.3)


def logged(project: Project) -> dict[str, set[tuple[str, int, float]]]:
    """The points of each run that a checkout has written into its files, by the run's key."""
    return {
        file.parent.name: {
            (name, point.step, value)
            for point in read_points(file)[0]
            for name, value in point.values.items()
        }
        for file in project.folder.glob(f".pgpipe/runs/*/{METRICS_FILE}")
    }


def stored(client: MlflowClient, run_id: str, names: set[str]) -> list[tuple[str, int, float]]:
    found = [point for name in names for point in client.get_metric_history(run_id, name)]
    return [(point.key, point.step, point.value) for point in found]


def test_three_experiments_of_two_checkouts_lose_and_double_nothing(
    database: Database, store: str, tmp_path: Path
) -> None:
    one = Sharing(tmp_path / "one")
    one.uri = store
    one.small()
    shutil.copytree(one.folder, tmp_path / "two", symlinks=True)
    two = Sharing(tmp_path / "two")
    two.uri = store
    client = MlflowClient(store)
    wait_until(lambda: answers(client))

    def work(project: Sharing, names: list[str]) -> None:
        for name in names:
            project.type(f"dvc exp run -n {name} -S train.seed={sum(map(ord, name))}")

    with ThreadPoolExecutor() as pool:
        working = [pool.submit(work, one, ["a", "b"]), pool.submit(work, two, ["c"])]
        wait_until(lambda: [*one.folder.glob(f".pgpipe/runs/*/{METRICS_FILE}")])
        database.stop()
        time.sleep(AWAY_S)
        database.start()
        for each in working:
            each.result()
    told = [project.type("pgpipe sync") for project in (one, two)]
    assert [line.split(";")[0] for line in told] == ["2 runs", "1 run"]
    experiments = [e.experiment_id for e in client.search_experiments() if e.name == "pgpipe"]
    runs = {run.data.tags[KEY_TAG]: run for run in client.search_runs(experiments)}
    assert {run.info.run_name for run in runs.values()} == {"a", "b", "c"}
    wanted = logged(one) | logged(two)
    assert runs.keys() == wanted.keys()
    for key, run in runs.items():
        names = {name for name, _, _ in wanted[key]}
        assert sorted(stored(client, run.info.run_id, names)) == sorted(wanted[key])
        assert run.info.status == "FINISHED"
        kept = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"figures", "report", "generator"} <= kept
    again = [project.type("pgpipe sync") for project in (one, two)]
    assert all("sent 0 points, 0 files" in line for line in again), again


def answers(client: MlflowClient) -> bool:
    with suppress(Exception):
        client.search_experiments(max_results=1)
        return True
    return False
