"""The repository's presets merged into the tests' params.yaml, and what follows from that."""

from functools import cache
from typing import Any

from pgpipe.config import leaves
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.schedule import Phase
from pgpipe.presets import files as presets
from stages.check import Params, check

Preset = list[str]


@cache
def merged(*chosen: str) -> Any:
    """With the parameters that every test starts with."""
    return presets.merged(list(chosen))


def params_of(*chosen: str) -> Params:
    return check(merged(*chosen), " ".join(chosen))


def phases_of(*chosen: str) -> dict[int, Phase]:
    """The phases that lead to the final one, by resolution."""
    return {phase.res: phase for _, phase in params_of(*chosen).growth.chain()}


def total_kimg(*chosen: str) -> float:
    return sum(phase.images for phase in phases_of(*chosen).values()) / 1000


def spec_of(params: Params) -> NetworkSpec:
    channels, labels = params.dataset.channels, 10
    return NetworkSpec.of(params.model, params.train, channels, labels, stacked=False)


def settings(*chosen: str) -> dict[str, Any]:
    """The merged parameters by dotted path."""
    return dict(leaves(merged(*chosen)))


def between(above: Preset, below: Preset) -> dict[str, Any]:
    """What the one below sets otherwise."""
    old, new = settings(*above), settings(*below)
    return {path: new.get(path) for path in {**old, **new} if old.get(path) != new.get(path)}
