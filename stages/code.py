"""The code that an experiment's result comes from, by its parameters."""

from collections.abc import Mapping
from typing import Any

from pgpipe.data.sources.table import SOURCES
from pgpipe.gan.losses.table import LOSSES
from pgpipe.gan.systems import SYSTEMS
from pgpipe.metrics.table import METRICS
from pgpipe.plumbing.provenance import Code

COMPUTE = ("download", "prepare", "gate", "reference", "init", "train", "sample", "score")


def pipeline_code(document: Mapping[str, Any]) -> list[str]:
    """Return the modules that the scores of a params.yaml come from: stages and their choices."""
    return [
        *(f"stages.{stage}" for stage in COMPUTE),
        "pgpipe.training.quick_worker",
        *(metric.compute for metric in METRICS.values()),
        SOURCES[document["dataset"]["name"]],
        LOSSES[document["train"]["loss"]].module,
        *SYSTEMS[document["model"]["name"]].code,
    ]


def code_hash(code: Code, document: Mapping[str, Any]) -> str:
    """Return the hash of that code, as it is in one place: what runs, or a revision of git."""
    return code.hash(pipeline_code(document))
