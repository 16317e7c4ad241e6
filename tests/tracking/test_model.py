"""A logged generator is a model that MLflow itself loads, serves and registers."""

import ast
import base64
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from PIL import Image
from specs import network_spec
from tinynets import generator

from pgpipe.drawing import seeds
from pgpipe.drawing.trained import open_trained
from pgpipe.errors import NetworkError, UsageError
from pgpipe.gan.sampling import save_generator
from pgpipe.images import Images
from pgpipe.plumbing.provenance import executed
from pgpipe.tracking import model
from pgpipe.tracking.push import push
from pgpipe.tracking.registry import register
from pgpipe.tracking.spool import Run, Spool, runs_folder
from pgpipe.tracking.tracker import LiveTracker
from stages.listeners import log_generator

CLASSES = ("cat", "dog", "it's, {odd}")


class Kept(LiveTracker):
    """Writes to a spool that nobody mirrors."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def _write(self, write: object) -> None:
        write()  # type: ignore[operator]


def weights(folder: Path, classes: int = 3) -> Path:
    """A generator's file."""
    spec = network_spec(classes=classes, latent_size=6)
    net, file = generator(spec, 8).requires_grad_(False), folder / "generator.safetensors"
    save_generator(file, net, row={"kimg": 1.0}, precision="fp32", labels=CLASSES[:classes])
    return file


def logged(project: Path, key: str = "k", name: str = "brave", classes: int = 3) -> Spool:
    """The spool of a run that has logged a generator."""
    spool = Spool(Run(key=key, name=name, experiment="e", params={}, tags={}, started_ms=7))
    log_generator(Kept(spool), weights(project, classes))
    return spool


def drawn(file: Path, chosen: list[int], classes: list[int] | None = None) -> Images:
    made = open_trained(file).generator
    labels = seeds.labels(made, chosen)
    if labels is not None and classes is not None:
        labels = labels.new_tensor(classes)
    return np.concatenate(list(seeds.draw(made, seeds.latents(made, chosen), labels)))


def client_of(project: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project}/mlflow.db")


def run_id_of(project: Path, name: str = "brave") -> str:
    client = client_of(project)
    ids = [e.experiment_id for e in client.search_experiments()]
    (run,) = client.search_runs(ids, f"attributes.run_name = '{name}'")
    return str(run.info.run_id)


@pytest.mark.parametrize("classes", [0, 3])
def test_it_is_the_same_to_the_byte_and_holds_no_pickle(project: Path, classes: int) -> None:
    spool = logged(project, classes=classes)
    folder = spool.folder / "artifacts/generator"
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    log_generator(Kept(spool), weights(project, classes))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == first
    assert first.keys() == {
        *("MLmodel", "generator.safetensors", "input_example.json", "model.py", "pgpipe.zip"),
        *("python_env.yaml", "requirements.txt", "serving_input_example.json"),
    }
    assert not [name for name, data in first.items() if data.startswith(b"\x80")]
    assert str(project) not in first["MLmodel"].decode(), "no place of the user's"


def test_its_code_is_what_it_imports_and_its_requirements_the_rest(project: Path) -> None:
    folder = logged(project).folder / "artifacts/generator"
    foreign: set[str] = set()
    with zipfile.ZipFile(folder / "pgpipe.zip") as archive:
        names = set(archive.namelist())
        for name in names:
            for node in executed(ast.parse(archive.read(name))):
                if isinstance(node, ast.Import):
                    foreign |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    foreign.add(node.module.partition(".")[0])
    foreign -= {*sys.stdlib_module_names, "pgpipe", "pydantic_core"}
    packages = {"PIL": "pillow", "ruamel": "ruamel.yaml"}
    assert {"mlflow", *(packages.get(name, name) for name in foreign)} == set(model.PACKAGES)
    assert {"pgpipe/__init__.py", "pgpipe/gan/generator.py", "pgpipe/rng.py"} <= names
    assert not [name for name in names if "tracking" in name or "training" in name]
    listed = (folder / "requirements.txt").read_text().split()
    assert [line.partition("==")[0] for line in listed] == [*model.PACKAGES]
    assert "+" not in "".join(listed)


@pytest.mark.slow
def test_mlflow_reads_and_loads_it_and_it_draws(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLmodel has the fields that `mlflow.pyfunc.save_model` writes, and the values."""
    import mlflow.pyfunc
    from mlflow.models import Model

    spool = logged(project)
    push(spool.folder)
    folder = spool.folder / "artifacts/generator"
    about = Model.load(str(folder))
    assert about.signature.inputs.to_dict() == [
        {"type": "long", "name": "seed", "required": True},
        {"type": "string", "name": "class", "required": False},
    ]
    assert about.signature.outputs.inputs[0].shape == (-1, 8, 8, 3)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlflow.db")
    loaded = mlflow.pyfunc.load_model(f"runs:/{run_id_of(project)}/generator")
    file = folder / "generator.safetensors"
    images = loaded.predict(pd.DataFrame({"seed": [3, 0, 3]}))
    assert images.dtype == np.uint8
    assert (images == drawn(file, [3, 0, 3])).all()
    table = pd.DataFrame({"seed": [1, 2], "class": ["dog", CLASSES[2]]})
    texts = loaded.predict(table, params={"format": "png"})
    pixels = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(t)), formats=["PNG"])) for t in texts
    ]
    assert (np.stack(pixels) == drawn(file, [1, 2], [1, 2])).all()
    mixed = loaded.predict(pd.DataFrame({"seed": [5, 5], "class": [None, "0"]}))
    own = seeds.labels(open_trained(file).generator, [5])
    assert own is not None
    assert (mixed == drawn(file, [5, 5], [int(own), 0])).all()
    assert loaded.input_example.to_dict("list") == {"seed": [0, 1], "class": ["cat", "dog"]}
    for wrong, says in (({"seed": [-1]}, "seed: -1"), ({"seed": [1], "class": ["x"]}, "class 'x'")):
        with pytest.raises(MlflowException, match=says):
            loaded.predict(pd.DataFrame(wrong))

    written = project / "theirs"
    mlflow.pyfunc.save_model(
        str(written),
        python_model=str(folder / "model.py"),
        artifacts={"generator": str(file)},
        signature=about.signature,
        pip_requirements=[],
    )
    theirs, ours = Model.load(str(written)).to_dict(), about.to_dict()
    assert theirs.keys() - ours.keys() <= {"utc_time_created"}
    varied = {"cloudpickle_version", "env", "code", "loader_module", "artifacts", "model_code_path"}
    flavours = [each["flavors"]["python_function"] for each in (theirs, ours)]
    plain = [{k: v for k, v in f.items() if k not in varied} for f in flavours]
    assert plain[0] == plain[1]


@pytest.mark.slow
def test_a_run_is_registered_once(project: Path) -> None:
    logged(project)
    logged(project, "l", "other")
    first = register("faces", "e", key="k")
    assert (first.version, first.new, first.run_id) == ("1", True, run_id_of(project))
    for run in ("", "brave", first.run_id, f"runs:/{first.run_id}/generator"):
        again = register("faces", "e", run, key="k")
        assert (again.version, again.new) == ("1", False)
    push(runs_folder() / "l")
    assert register("faces", "e", "other").version == "2"
    versions = client_of(project).search_model_versions("name = 'faces'")
    assert {str(v.version): v.run_id for v in versions} == {
        "1": first.run_id, "2": run_id_of(project, "other")
    }  # fmt: skip
    assert all(str(v.source).endswith("/artifacts/generator") for v in versions)


def test_what_cannot_be_registered_is_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(Run(key="k", name="bare", experiment="e", params={}, tags={}, started_ms=7))
    push(spool.folder)
    for name in ("", "a/b", "a:b", "a\nb", "x" * 201):
        with pytest.raises(UsageError, match="a model's name"):
            register(name, "e", key="k")
    with pytest.raises(UsageError, match=r"run bare \(.*has logged no generator that MLflow loads"):
        register("faces", "e", key="k")
    for run, key in (("nobody's", "k"), ("", "unknown")):
        with pytest.raises(UsageError, match="no such run"):
            register("faces", "e", run, key)
    assert not client_of(project).search_registered_models()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:9"):
        register("faces", "e", key="k")


@contextmanager
def served(project: Path, address: str) -> Iterator[str]:
    """The server of a model while the block runs: where it answers."""
    from test_ui import a_free_port

    port = a_free_port()
    command = ["models", "serve", "-m", address, "--env-manager", "local", "--port", str(port)]
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{project}/mlflow.db"}
    with (project / "served.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command], stdout=log, stderr=log, env=environment
        )
    try:
        end = time.monotonic() + 180
        while time.monotonic() < end and process.poll() is None:
            try:
                urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        process.terminate()
        process.wait(30)


def ask(url: str, question: object) -> dict[str, list[object]]:
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(url, json.dumps(question).encode(), headers), timeout=60) as answer:  # noqa: S310
        found: dict[str, list[object]] = json.load(answer)
        return found


@pytest.mark.full
def test_it_is_served_and_draws_what_generate_draws(project: Path) -> None:
    push(logged(project).folder)
    done = register("faces", "e", key="k")
    file = project / "generator.safetensors"
    generate = ["generate", str(file), "--seeds", "7,2", "--class", "dog", "--npy", "--to", "own"]
    subprocess.run([sys.executable, "-m", "pgpipe", *generate], check=True, cwd=project)
    asked = {"columns": ["seed", "class"], "data": [[7, "dog"], [2, "dog"]]}
    with served(project, f"models:/faces/{done.version}") as url:
        answer = ask(url, {"dataframe_split": asked})
        as_png = ask(url, {"dataframe_split": asked, "params": {"format": "png"}})
        with pytest.raises(HTTPError) as refused:
            ask(url, {"dataframe_split": {"columns": ["seed", "class"], "data": [[7, "fox"]]}})
    expected = np.load(project / "own/images.npy", allow_pickle=False)
    assert (np.array(answer["predictions"], np.uint8) == expected).all()
    first = io.BytesIO(base64.b64decode(str(as_png["predictions"][0])))
    assert (np.asarray(Image.open(first, formats=["PNG"])) == expected[0]).all()
    assert refused.value.code == 400
    assert "class 'fox': this generator has cat, dog" in refused.value.read().decode()
