"""A trained generator as a model of MLflow's: `mlflow.pyfunc.load_model` and its server draw.

It is a folder among a run's artifacts, written as `mlflow.pyfunc.save_model` writes one from code
("models from code"), but without importing mlflow, and to the byte the same for the same generator:

    generator/MLmodel                 what it takes and gives: its signature
              generator.safetensors   the weights
              model.py                asks pgpipe's code, which is beside it
              pgpipe.zip              the modules that draw, as they were when the model was logged
              requirements.txt, python_env.yaml, input_example.json, serving_input_example.json

Nothing of it is pickled.
"""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from pgpipe.plumbing.hashes import sha256_json
from pgpipe.tracking.spool import THIS_RUN

FOLDER, ABOUT = "generator", "MLmodel"  # of a run's artifacts; the file that makes it a model
TAG = {  # by which MLflow's pages name the models of a run
    "mlflow.log-model.history": json.dumps(
        [{"run_id": THIS_RUN, "artifact_path": FOLDER, "flavors": {"python_function": {}}}]
    )
}
PACKAGES = ("mlflow", "numpy", "pillow", "pydantic", "ruamel.yaml", "safetensors", "torch")
MODEL_CODE = '''\
"""Draws images: see MLmodel for what it takes and gives."""

import sys
from pathlib import Path

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

sys.path.insert(0, str(Path(__file__).with_name("pgpipe.zip")))

from pgpipe.drawing.served import answer
from pgpipe.drawing.trained import open_trained
from pgpipe.errors import PgpipeError


class Generator(PythonModel):
    """A trained generator."""

    def load_context(self, context):
        self.trained = open_trained(Path(context.artifacts["generator"]))

    def predict(self, context, model_input: pd.DataFrame, params=None):
        seeds = [int(seed) for seed in model_input["seed"]]
        given = model_input["class"] if "class" in model_input else [None] * len(seeds)
        classes = [name if isinstance(name, str) else None for name in given]
        form = (params or {}).get("format", "array")
        try:
            return answer(self.trained, seeds, classes, form)
        except PgpipeError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


set_model(Generator())
'''
ABOUT_FORM = """\
artifact_path: {folder}
flavors:
  python_function:
    artifacts:
      generator:
        path: {file}
        uri: {file}
    env:
      virtualenv: python_env.yaml
    loader_module: mlflow.pyfunc.model
    model_code_path: model.py
    python_version: {python}
    streamable: false
is_signature_from_type_hint: false
mlflow_version: {mlflow}
model_id: null
model_size_bytes: {size}
model_uuid: {uuid}
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  serving_input_path: serving_input_example.json
  type: dataframe
signature:
  inputs: {inputs}
  outputs: {outputs}
  params: {params}
type_hint_from_example: false
"""
PYTHON_ENV = """\
python: {python}
build_dependencies:
- pip
- setuptools
- wheel
dependencies:
- -r requirements.txt
"""


class Drawn(NamedTuple):
    """What a generator draws."""

    side: int  # pixels
    channels: int
    classes: tuple[str, ...]  # names, or numbers where they have none; none without classes


def files(name: str, weights: bytes, code: bytes, drawn: Drawn) -> dict[str, bytes]:
    """Return the model's files by their paths among a run's artifacts.

    Args:
        name: of the generator's file.
        weights: its content.
        code: a zip of the modules that `model.py` needs.
        drawn: what it draws.
    """
    requirements = "".join(f"{package}{pinned(package)}\n" for package in PACKAGES)
    uuid = sha256_json([weights.hex(), code.hex(), requirements, drawn])[:32]
    seeds, classes = [0, 1], drawn.classes[:2] * 2
    columns = ["seed", "class"] if classes else ["seed"]
    rows = [[seed, classes[seed]] if classes else [seed] for seed in seeds]
    example = {"columns": columns, "data": rows}
    texts = {
        ABOUT: ABOUT_FORM.format(
            folder=FOLDER,
            file=name,
            python=platform.python_version(),
            mlflow=pinned("mlflow").removeprefix("=="),
            size=len(weights) + len(code),
            uuid=uuid,
            **{part: quoted(of) for part, of in signature(drawn).items()},
        ),
        "model.py": MODEL_CODE,
        "requirements.txt": requirements,
        "python_env.yaml": PYTHON_ENV.format(python=platform.python_version()),
        "input_example.json": json.dumps(example),
        "serving_input_example.json": json.dumps({"dataframe_split": example}, indent=2),
    }
    found = {name: weights, "pgpipe.zip": code}
    found |= {path: text.encode() for path, text in texts.items()}
    return {f"{FOLDER}/{path}": data for path, data in found.items()}


def signature(drawn: Drawn) -> dict[str, Any]:
    """Return what the model takes and gives, by MLflow's parts of it."""
    shape = [-1, drawn.side, drawn.side, drawn.channels]
    seed = {"type": "long", "name": "seed", "required": True}
    named = {"type": "string", "name": "class", "required": False}
    return {
        "inputs": [seed, named] if drawn.classes else [seed],
        "outputs": [{"type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": shape}}],
        "params": [{"name": "format", "default": "array", "shape": None, "type": "string"}],
    }


def quoted(value: object) -> str:
    """Return a value's JSON as a string of YAML."""
    return "'" + json.dumps(value).replace("'", "''") + "'"


def pinned(package: str) -> str:
    """Return `==` and a package's version, without what only its builder knows; else nothing."""
    try:
        return "==" + version(package).partition("+")[0]  # 2.9.0 of 2.9.0+cpu
    except PackageNotFoundError:  # installed under another name
        return ""
