"""What is measured: the parameters of params.yaml, of a preset, or of a small network."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pgpipe.config import PARAMS_FILE, load_yaml, lookup, parse_yaml, part_of
from pgpipe.errors import UsageError
from pgpipe.gan.config import NetworkSpec, TrainSection
from pgpipe.gan.schedule import GrowthSection
from pgpipe.presets import files as presets
from pgpipe.presets.overlay import merge
from pgpipe.training.auto import Asked, Machine, here
from stages.check import check

LABELS = 10  # of the stand-in for a data set, where the networks take labels; `photos` has as many
FIRST = 4  # pixels


def phases(*resolutions: int) -> dict[str, Any]:
    """Phases of these resolutions, each grown from half of it, by their names."""
    return {
        f"r{res}": {
            "res": res,
            "from": "init" if res == FIRST else f"r{res // 2}",
            "fade_kimg": 0 if res == FIRST else 6,
            "stable_kimg": 6,
            "minibatch": None,
        }
        for res in resolutions
    }


# A network that a CPU trains: 64 feature maps up to 32x32, 32 at 64x64, the paper's minibatch.
SMALL: dict[str, Any] = {
    "dataset": {"name": "photos", "resolution": 64, "color": "rgb"},
    "growth": {"final": "r64", "fade": "linear", "phases": phases(4, 8, 16, 32, 64)},
    "model": {"name": "pggan", "fmap_base": 1024, "fmap_max": 64, "latent_size": 64},
    "train": {
        "minibatch": 16,
        "full_resolution": 64,
        "label_conditioning": False,
        "precision": "fp32",
    },
}


@dataclass(frozen=True)
class Setting:
    """What a training step depends on."""

    section: TrainSection
    machine: Machine
    spec: NetworkSpec
    growth: GrowthSection


def document_of(names: list[str], small: bool) -> dict[str, Any]:
    """The parameters: params.yaml with presets merged, or with the small network."""
    if names and small:
        raise UsageError(f"--small: is a setting of its own, without preset {' '.join(names)}")
    document: dict[str, Any] = presets.merged(names) if names else load_yaml(PARAMS_FILE)
    if small:
        merge(document, SMALL)
    return document


def setting_of(document: dict[str, Any], source: str) -> Setting:
    """The setting of a whole params.yaml; the data are taken to have ten labels."""
    params = check(document, source)
    dataset = params.dataset
    spec = NetworkSpec.of(params.model, params.train, dataset.channels, LABELS, dataset.stacked)
    machine = here(part_of(document, Asked, source))
    return Setting(params.train, machine, spec, params.growth)


def settings(names: list[str], small: bool, beside: list[str]) -> dict[str, Setting]:
    """The setting by the name "" and, by their text, those with one value changed."""
    document = document_of(names, small)
    return {
        text: setting_of(changed, text or "params") for text, changed in versions(document, beside)
    }


def versions(document: dict[str, Any], beside: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parameters, and copies of them changed by each KEY=VALUE of `train` or `model`.

    Raises:
        UsageError: there is no such key.
    """
    yield "", document
    for text in beside:
        path, _, value = text.partition("=")
        section, _, key = path.partition(".")
        if section not in ("train", "model") or lookup(document, path) is None:
            raise UsageError(f"--beside: {text}: not KEY=VALUE with a key of train or model")
        changed = deepcopy(document)
        changed[section][key] = parse_yaml(f"value: {value}", f"--beside {text}")["value"]
        yield text, changed
