"""Where a phase starts: from the model of the phase before and the first weights of new layers."""

from pathlib import Path
from typing import Any

import torch

from pgpipe import __version__, tensors
from pgpipe.devices import choose
from pgpipe.files import sha256_file, sha256_json
from pgpipe.nets.config import NetworkSpec
from pgpipe.schedule import Phase
from pgpipe.training.config import TrainSection
from pgpipe.training.job import Job
from pgpipe.training.numerics import threads

STATE_VERSION = 2  # raised when the same inputs give other numbers, or a state another form


def make_job(key: str, phase: Phase, section: TrainSection, before: Path, layers: Path) -> Job:
    """A phase that grows the state in the file `before` by the weights in `layers`.

    The averaged generator starts a new layer at the same weights: averaging what has not moved
    yet changes nothing, so this is as if it had averaged all layers from the start.
    """
    old, facts = tensors.read(before)
    new, _ = tensors.read(layers)
    averages = {
        name.replace("generator", "average", 1): value
        for name, value in new.items()
        if name.startswith("generator")
    }
    moments = section.adam_reset == "never"
    kept = {name: old[name] for name in old if moments or not name.startswith("adam.")}
    return Job(
        key=key,
        phase=phase,
        section=section,
        spec=NetworkSpec(**facts["spec"]),
        tensors={**kept, **new, **averages},
        images_before=facts["images_seen"],
        rows_before=facts["progress"]["rows"],
    )


def state_key(
    phase: Phase, section: TrainSection, before: Path, layers: Path, data: dict[str, Any]
) -> str:
    """The hash of all that determines a phase's result: the name of its states' folder."""
    device = choose(section.device)
    causes = {
        "version": [STATE_VERSION, __version__],
        "torch": torch.__version__,
        "device": device.type,
        "threads": threads(section) if device.type == "cpu" else 0,
        "phase": phase.model_dump(),
        "train": section.model_dump(exclude={"checkpoint_minutes"}),
        "before": sha256_file(before),
        "layers": sha256_file(layers),
        "data": data,
    }
    return sha256_json(causes)[:32]
