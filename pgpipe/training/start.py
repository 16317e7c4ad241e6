"""Where a phase starts: from the model of the phase before and the first weights of new layers."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pgpipe import __version__, tensors
from pgpipe.devices import choose
from pgpipe.errors import UsageError
from pgpipe.hashes import sha256_file, sha256_json
from pgpipe.metrics.patches import SMALLEST
from pgpipe.metrics.quick import versions
from pgpipe.nets.config import NetworkSpec
from pgpipe.schedule import Phase
from pgpipe.training import parts
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.config import TrainSection
from pgpipe.training.job import Job
from pgpipe.training.numerics import platform
from pgpipe.training.quick_worker import Task

STATE_VERSION = 4  # raised when the same inputs give other numbers, or a state another form
NO_CAUSES = {"checkpoint_minutes", "device", "threads", "quick_images", "select"}
PLATFORM_DIGITS = 8  # of a state's key


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


def require_parts(job: Job, processes: int) -> None:
    """Refuse more processes than the minibatch divides into, as a UsageError."""
    try:
        parts.count(job.spec, job.section, job.minibatch, processes)
    except ValueError as error:
        raise UsageError(f"{job.key}: {error}") from None


def quick_task(phase: Phase, section: TrainSection, data: str) -> Task | None:
    """How the ticks of a phase are scored, by the images in the folder `data`; None: not at all.

    Where a CPU trains, one thread does, so that the training loses little.
    """
    if not section.quick_images or phase.res < SMALLEST:
        return None
    return Task(
        data=data,
        resolution=phase.res,
        images=section.most_quick_images,
        mirror=section.mirror,
        seed=section.seed,
        threads=1 if choose(section.device).type == "cpu" else section.threads,
        inception=section.quick_inception,
    )


def state_key(
    phase: Phase, section: TrainSection, before: Path, layers: Path, data: dict[str, Any]
) -> str:
    """The hash of all that determines a phase's result: the name of its states' folder.

    Its last digits stand for the platform, so that states of another one are found.
    """
    quick = quick_task(phase, section, "")
    causes = {
        "version": [STATE_VERSION, __version__],
        "phase": phase.model_dump(),
        "train": section.model_dump(exclude=NO_CAUSES),
        "quick": quick and [asdict(quick), versions(), section.best_by],
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
            sys.stderr.write(
                f"pgpipe: warning: {folder.name}: starts anew: the states in {other.name} would "
                f"give other bits ({', '.join(changed)})\n"
            )
