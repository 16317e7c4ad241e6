"""Where a phase starts: from the model of the phase before and the first weights of new layers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pgpipe.errors import UsageError
from pgpipe.gan import micro_batches, weights
from pgpipe.gan.config import NetworkSpec, TrainSection
from pgpipe.gan.losses.table import LOSSES
from pgpipe.gan.schedule import Phase
from pgpipe.gan.systems import SYSTEMS
from pgpipe.plumbing import tensors
from pgpipe.plumbing.hashes import sha256_file, sha256_json
from pgpipe.plumbing.layout import STATE_FORMAT
from pgpipe.plumbing.provenance import running
from pgpipe.plumbing.terminal import warn
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.job import Job, rows_of
from pgpipe.training.numerics import platform

NO_CAUSES = {
    *("checkpoint_minutes", "device", "threads"),
    *("quick_images", "quick_inception_images", "select"),
    "label_conditioning",  # the spec in the state before says which networks judge labels, and how
}
NO_WEIGHTS = (  # what looks at a training and is none of its code
    "pgpipe.metrics",
    "pgpipe.training.quick_scorer",
    "pgpipe.training.quick_task",
    "pgpipe.training.quick_worker",
    "pgpipe.training.result",
    "pgpipe.training.snapshots",
)
PLATFORM_DIGITS = 8  # of a state's key


def make_job(
    key: str,
    phase: Phase,
    section: TrainSection,
    before: Path,
    layers: Path,
    labels: Sequence[str] = (),
) -> Job:
    """A phase that grows the state in the file `before` by the weights in `layers`.

    The names of the data set's labels, if the networks are conditioned on them, go into the
    generator's file, as the precision does.

    An average starts a new layer at the same weights: averaging what has not moved yet changes
    nothing, so this is as if it had averaged all layers from the start. What comes from another
    training has averages of its own.
    """
    old, facts = tensors.read(before)
    if facts.get("format") != STATE_FORMAT:
        raise UsageError(
            f"{before}: a state of another format than this pgpipe has; `dvc repro` makes it anew"
        )
    new, told = tensors.read(layers)
    moments = section.adam_reset == "never"
    kept = {name: old[name] for name in old if moments or not name.startswith("adam.")}
    spec = NetworkSpec(**facts["spec"])
    return Job(
        key=key,
        phase=phase,
        section=section,
        spec=spec,
        tensors={**kept, **weights.with_averages(new, spec)},
        images_before=facts["images_seen"],
        rows_before=rows_of(facts),
        about={"precision": section.precision, "labels": list(labels) if spec.classes else []},
        trained=told.get("trained", ()),
    )


def require_parts(job: Job, processes: int) -> None:
    """Refuse more processes than the minibatch divides into, as a UsageError."""
    try:
        micro_batches.count(job.spec, job.section, job.minibatch, processes)
    except ValueError as error:
        raise UsageError(f"{job.key}: {error}") from None


def training_code(section: TrainSection, spec: NetworkSpec) -> list[str]:
    """Return the modules that a phase's weights are made by."""
    chosen = (LOSSES[section.loss].module, *SYSTEMS[spec.name].code)
    return ["stages.train", "pgpipe.training.start", "pgpipe.training.phase", *chosen]


def state_key(
    phase: Phase, section: TrainSection, before: Path, layers: Path, data: dict[str, Any]
) -> str:
    """Return the hash of all that determines a phase's states: the name of their folder.

    How long the phase stays in its stable part is not among it: a longer one goes on from the end
    of a shorter one. The last digits stand for the platform, so that states of another are found.
    """
    spec = NetworkSpec(**tensors.read_facts(before)["spec"])
    code = training_code(section, spec)
    causes = {
        "code": running().hash(code, NO_WEIGHTS),
        "averages": dict(SYSTEMS[spec.name].averages),
        "phase": phase.model_dump(exclude={"stable_kimg"}),
        "train": section.model_dump(exclude=NO_CAUSES),
        "before": sha256_file(before),
        "layers": sha256_file(layers),
        "data": data,
    }
    return sha256_json(causes)[:24] + sha256_json(platform(section))[:PLATFORM_DIGITS]


def warn_of_other_platforms(states: StateFolder, section: TrainSection) -> None:
    """Say on stderr where a phase starts anew only because something of the platform changed."""
    folder, here = states.folder, platform(section)
    if states.states():
        return
    for other in folder.parent.glob(f"{folder.name[:-PLATFORM_DIGITS]}*"):
        there = (StateFolder(other).facts() or {}).get("platform", {})
        changed = [
            f"{name} {there[name]}, here {here[name]}"
            for name in there
            if there[name] != here[name]
        ]
        if changed:
            warn(
                f"{folder.name}: starts anew: the states in {other.name} would give other bits "
                f"({', '.join(changed)})"
            )
