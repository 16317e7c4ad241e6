"""Finished experiments, read from the git refs that DVC keeps them in.

A run counts where its scores are those of its parameters: `dvc.lock` of the same commit says from
which parameters each stage was run, and with which hash of `metrics.json` the scoring ended.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pgpipe.config import DVCS, PARAMS_FILE, Document, load_yaml, lookup
from pgpipe.errors import UsageError
from pgpipe.experiments.revisions import Ref, experiment_refs, read, read_yaml
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.plumbing.provenance import of_revision, running
from stages.code import code_hash

METRICS_FILE, LOCK_FILE = Path("reports/metrics.json"), Path("dvc.lock")
SCORING = ("reference", "sample", "score")  # the stages that make scores of a generator


class Run(NamedTuple):
    """A finished experiment.

    Runs with one `protocol` were trained in one precision, or each in the one that its parameters
    state, and scored alike on the same images.
    It is `current` where the code of its commit means what the code here means, as far as its
    scores depend on code: a row that other code has made is not done.
    """

    ref: Ref
    document: Document
    metrics: Mapping[str, Any]
    protocol: str
    current: bool = True


def finished() -> Iterator[Run]:
    """All experiments with scores."""
    for ref in experiment_refs():
        document, lock = read_yaml(ref.commit), read_yaml(ref.commit, LOCK_FILE, DVCS)
        content = read(ref.commit, METRICS_FILE)
        if document and lock and content and is_complete(document, lock, content):
            metrics = json.loads(content)
            current = is_current(document, ref.commit)
            yield Run(ref, document, metrics, protocol(lock, metrics), current)


def of_folder(folder: Path) -> Run | None:
    """Return the run whose results a folder holds; None where they are not of its parameters."""
    try:
        document = load_yaml(folder / PARAMS_FILE)
        lock = load_yaml(folder / LOCK_FILE, bounds=DVCS)
        content = (folder / METRICS_FILE).read_bytes()
        if not is_complete(document, lock, content):
            return None
        metrics = json.loads(content)
        return Run(Ref("", "", 0), document, metrics, protocol(lock, metrics))
    except (OSError, UsageError, ValueError):
        return None


def is_current(document: Document, commit: str) -> bool:
    """Return whether the code in a commit makes what the code here would make of a document."""
    try:
        return code_hash(of_revision(commit), document) == code_hash(running(), document)
    except KeyError:  # it names what this code does not have
        return False


def is_complete(document: Document, lock: Document, metrics: bytes) -> bool:
    """Whether all that was run has the document's parameters, and led to these scores."""
    final = lookup(document, "growth.final")
    stages = [stage(lock, name) for name in ("prepare", "init", f"train@{final}", *SCORING)]
    params = [(path, value) for entry in stages for path, value in read_params(entry).items()]
    scored = {out.get("md5") for out in stage(lock, "score").get("outs", [])}
    return (
        all(stages)
        and all(lookup(document, path) == value for path, value in params)
        and hashlib.md5(metrics, usedforsecurity=False).hexdigest() in scored
    )


def protocol(lock: Document, metrics: Mapping[str, Any]) -> str:
    """Hash of the scores' fingerprint, and of the precision, parameters and images behind a score.

    The fingerprint stands for the metrics' versions, for the numbers that `auto` became, and for
    whether reals were mirrored: only what changes scores changes it. A precision counts where it
    is not the one that the parameters state, since `auto` differs between machines.
    """
    precision = metrics.get("train_precision")
    stated = read_params(stage(lock, "machine")).get("train.precision")
    return sha256_json(
        [
            metrics.get("protocol"),  # none before there were fingerprints
            None if precision == stated else precision,
            *(
                [chosen(read_params(entry)), sorted(data(entry).items())]
                for entry in (stage(lock, name) for name in SCORING)
            ),
        ]
    )


def stage(lock: Document, name: str) -> Mapping[str, Any]:
    """The entry of a stage in dvc.lock; empty without one."""
    found: Mapping[str, Any] = lock.get("stages", {}).get(name, {})
    return found


def read_params(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters that a stage was run with, by their dotted paths."""
    found: Mapping[str, Any] = entry.get("params", {}).get(str(PARAMS_FILE), {})
    return found


def chosen(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a stage without those that the fingerprint has the outcome of."""
    decided = {
        "score": {"seed": params.get("score", {}).get("seed")},
        "sample": {k: v for k, v in params.get("sample", {}).items() if k != "images"},
    }
    return {**params, **decided, "train.mirror": None}


def data(entry: Mapping[str, Any]) -> dict[str, str]:
    """Path and hash of the images, and of what describes them, that a stage was run with."""
    deps = entry.get("deps", [])
    return {
        dep["path"]: dep.get("md5", "") for dep in deps if dep["path"].startswith("data/multires")
    }
