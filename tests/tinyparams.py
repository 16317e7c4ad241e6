"""Valid parameters but for what a test changes, and what `check` says of them."""

import copy
from pathlib import Path
from typing import Any

import pytest

from pgpipe.config import load_yaml
from pgpipe.errors import UsageError
from pgpipe.metrics.config import Protocol, ScoreSection, protocol_for
from stages import check as stage

ROOT = Path(__file__).parents[1]
VALID = load_yaml(ROOT / "tests/params.yaml")


def with_values(**values: Any) -> dict[str, Any]:
    """Valid parameters but for these; two underscores stand for a dot."""
    document = copy.deepcopy(VALID)
    for path, value in values.items():
        *parents, last = path.split("__")
        inner = document
        for name in parents:
            inner = inner[name]
        inner[last] = value
    return document


def score_numbers(images: int = 1 << 20, **values: Any) -> Protocol:
    """What a valid section `score` with these values is for a data set of so many images."""
    return protocol_for(ScoreSection(**{**VALID["score"], **values}), images)


def refusal(**values: Any) -> str:
    with pytest.raises(UsageError) as caught:
        stage.check(with_values(**values), "params.yaml")
    return str(caught.value)


def phase(res: int, origin: str, fade: float = 1, stable: float = 1, **more: Any) -> dict[str, Any]:
    return {"res": res, "from": origin, "fade_kimg": fade, "stable_kimg": stable, **more}


def phases(**by_key: dict[str, Any]) -> dict[str, Any]:
    return {"growth__phases": by_key, "growth__final": list(by_key)[-1]}
