"""A tracking server of a few lines on loopback, as bad as a test wants it to be.

It keeps metrics by MLflow's own rule: equal (name, step, time, value) are one row.
"""

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

Mood = Literal["well", "hangs", "errs", "loses", "drips", "floods"]
# loses: what was done half of the answers deny; drips, floods: bytes without end, few or many
Json = dict[str, Any]
Row = tuple[str, int, int, float]  # name, step, time in ms, value
HANG_S = 60.0


class StubServer(ThreadingHTTPServer):
    """Runs, metrics and tags in memory; artifacts in a folder, written by the clients."""

    daemon_threads = True

    def __init__(self, artifacts: Path, port: int = 0, seed: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.mood: Mood = "well"
        self.artifacts, self.random = artifacts, random.Random(seed)
        self.ended, self.lock = threading.Event(), threading.Lock()
        self.experiments: dict[str, Json] = {}
        self.runs: dict[str, Json] = {}
        self.rows: dict[str, set[Row]] = {}

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that give up are what the tests are about."""

    def find_experiment(self, asked: Json) -> Json | None:
        found = self.experiments.get(asked["experiment_name"])
        return found and {"experiment": found}

    def search_experiments(self, asked: Json) -> Json:
        return {"experiments": list(self.experiments.values())}

    def create_experiment(self, asked: Json) -> Json:
        number = str(len(self.experiments) + 1)
        self.experiments[asked["name"]] = {
            "experiment_id": number,
            "name": asked["name"],
            "artifact_location": self.artifacts.as_uri(),
            "lifecycle_stage": "active",
        }
        return {"experiment_id": number}

    def search_runs(self, asked: Json) -> Json:
        key = asked["filter"].split("'")[1]
        return {"runs": [run for run in self.runs.values() if key in tags(run).values()]}

    def create_run(self, asked: Json) -> Json:
        run_id = f"{len(self.runs):032x}"
        info = {
            "run_id": run_id,
            "run_name": asked["run_name"],
            "experiment_id": asked["experiment_id"],
            "status": "RUNNING",
            "start_time": asked["start_time"],
            "lifecycle_stage": "active",
            "artifact_uri": f"{self.artifacts.as_uri()}/{run_id}",
        }
        self.rows[run_id] = set()
        self.runs[run_id] = {"info": info, "data": {"tags": asked["tags"]}}
        return {"run": self.runs[run_id]}

    def get_run(self, asked: Json) -> Json:
        return {"run": self.runs[asked["run_id"]]}

    def log_batch(self, asked: Json) -> Json:
        for m in asked.get("metrics", []):
            row = (m["key"], int(m["step"]), int(m["timestamp"]), float(m["value"]))
            self.rows[asked["run_id"]].add(row)
        return {}

    def update_run(self, asked: Json) -> Json:
        return {"run_info": self.runs[asked["run_id"]]["info"]}

    def log_inputs(self, asked: Json) -> Json:
        return {}

    def points(self) -> list[tuple[str, int, float]]:
        """Name, step and value of all rows of the one run that there is, sorted."""
        [rows] = self.rows.values()
        return sorted((name, step, value) for name, step, _, value in rows)


CALLS: dict[str, Callable[[StubServer, Json], Json | None]] = {
    "experiments/get-by-name": StubServer.find_experiment,
    "experiments/search": StubServer.search_experiments,
    "experiments/create": StubServer.create_experiment,
    "runs/search": StubServer.search_runs,
    "runs/create": StubServer.create_run,
    "runs/get": StubServer.get_run,
    "runs/log-batch": StubServer.log_batch,
    "runs/update": StubServer.update_run,
    "runs/log-inputs": StubServer.log_inputs,
}  # of MLflow's REST interface


class Handler(BaseHTTPRequestHandler):
    """Does what is asked, in the server's mood."""

    server: StubServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.answer(json.loads(self.rfile.read(length) or b"{}"))

    def do_GET(self) -> None:
        query = urlsplit(self.path).query
        pairs = (part.split("=", 1) for part in query.split("&") if part)
        self.answer(dict(pairs))

    def answer(self, asked: Json) -> None:
        """One request, one answer, or none."""
        server = self.server
        mood = server.mood
        if mood == "hangs":
            server.ended.wait(HANG_S)
        if mood in ("drips", "floods"):
            return self.send_endless(mood)
        if mood in ("hangs", "errs"):
            return self.send(500, {"error_code": "INTERNAL_ERROR", "message": mood})
        with server.lock:
            call = urlsplit(self.path).path.removeprefix("/api/2.0/mlflow/")
            found = CALLS[call](server, asked)
            lost = mood == "loses" and server.random.random() < 0.5
        if lost:
            return self.send(500, {"error_code": "INTERNAL_ERROR", "message": "lost"})
        if found is None:
            return self.send(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": self.path})
        return self.send(200, found)

    def send_endless(self, mood: Mood) -> None:
        """An answer of 10 GB, as it says."""
        self.send_response(200)
        self.send_header("Content-Length", str(10**10))
        self.end_headers()
        while not self.server.ended.wait(0.1 if mood == "drips" else 0):
            self.wfile.write(b" " * (1 if mood == "drips" else 1 << 20))

    def send(self, code: int, body: Json) -> None:
        """An answer of JSON."""
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def tags(run: Json) -> dict[str, str]:
    """The tags of a run by name."""
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


@contextmanager
def serving(artifacts: Path, mood: Mood = "well", seed: int = 0) -> Iterator[StubServer]:
    """A server in a mood, while the block runs."""
    server = StubServer(artifacts, seed=seed)
    server.mood = mood
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
