"""What a project knows of a generator in its models/ folder: its data, parameters and scores.

`dvc.lock` says by hashes which generator was sampled and which scores came of it. What it does not
prove to be of this generator is not told.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pgpipe.config import DVCS, leaves, load_yaml
from pgpipe.data.sources import catalogue
from pgpipe.plumbing import sealed

LOCK_FILE, METRICS_FILE = "dvc.lock", "reports/metrics.json"
OWN_LICENCE = "your own"  # what the catalogue says of data that are the user's
TOLD = ("dataset", "growth", "model", "train")  # sections of params.yaml that make a generator
UNTOLD = "dataset.path"  # where the user's files lie is nobody's business
START = "model.start"  # nor where these are; that there were some is told

Stages = Mapping[str, Any]


class Origin(NamedTuple):
    """Where a generator comes from."""

    data: str = ""  # a data set's name; "": not known
    title: str = ""
    licence: str = ""
    scores: Mapping[str, Any] = {}  # of reports/metrics.json
    params: Mapping[str, Any] = {}  # by their paths in params.yaml


def origin_of(file: Path) -> Origin:
    """Return what the project around a generator's file proves of it; nothing elsewhere.

    Raises:
        UsageError: the project's dvc.lock is no YAML.
        IntegrityError: it is damaged otherwise, or the scores are.
    """
    folder = file.absolute().parent
    root = folder.parent.parent
    if folder.parent.name != "models" or not (root / LOCK_FILE).is_file():
        return Origin()
    with sealed.blaming(root / LOCK_FILE, "file of DVC's"):
        stages = load_yaml(root / LOCK_FILE, bounds=DVCS)["stages"]
        if hash_in(stages, "sample", "deps", f"models/{folder.name}/{file.name}") != md5(file):
            return Origin()
        params = dict(read_params(stages, ("prepare", "init", f"train@{folder.name}")))
        found = scores(root, stages)
    return Origin(*data_of(str(params.get("dataset.name", ""))), found, params)


def data_of(name: str) -> tuple[str, str, str]:
    """Return what a data set is called, its title and its licence, as far as they are known."""
    entry = catalogue.entries().get(name)
    if entry is None:
        return name, "", ""
    if entry.licence == OWN_LICENCE:
        return "own images", "", ""
    return name, entry.title, entry.licence


def scores(root: Path, stages: Stages) -> Mapping[str, Any]:
    """Return the scores of the samples that were last drawn; none where they are of others."""
    path = root / METRICS_FILE
    drawn = hash_in(stages, "sample", "outs", "samples")
    if not path.is_file() or drawn is None or drawn != hash_in(stages, "score", "deps", "samples"):
        return {}
    if hash_in(stages, "score", "outs", METRICS_FILE) != md5(path):
        return {}
    found: Mapping[str, Any] = sealed.read_json(path)
    return found


def hash_in(stages: Stages, stage: str, kind: str, path: str) -> str | None:
    """Return the hash that a stage's entry in dvc.lock has of a dependency or an output."""
    entries = stages.get(stage, {}).get(kind, [])
    return next((entry.get("md5") for entry in entries if entry["path"] == path), None)


def read_params(stages: Stages, names: Iterable[str]) -> Iterable[tuple[str, Any]]:
    """Yield the parameters that stages were run with, by their paths, but for the user's own."""
    for name in names:
        read = stages.get(name, {}).get("params", {}).get("params.yaml", {})
        for path, value in read.items():
            for inner, leaf in leaves(value) if isinstance(value, Mapping) else [("", value)]:
                full = f"{path}.{inner}".rstrip(".")
                if full.split(".")[0] in TOLD and full != UNTOLD:
                    yield full, "networks of another training" if leaf and full == START else leaf


def md5(path: Path) -> str:
    """Return the hash by which DVC knows a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
