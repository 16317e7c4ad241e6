"""train: one phase of the growth, `train@rN` in DVC; the same command again resumes."""

import os
from contextlib import ExitStack, nullcontext
from pathlib import Path

from pydantic import Field

from pgpipe.config import Section, read_params
from pgpipe.data.feeding.batches import Batches
from pgpipe.data.feeding.multires import (
    ImageStore,
    read_captions,
    read_labels,
    read_manifest,
    verify,
)
from pgpipe.errors import UsageError
from pgpipe.gan.config import NetworkSpec, TrainSection
from pgpipe.gan.schedule import Phase, Shape, require_name
from pgpipe.gan.text import conditions
from pgpipe.plumbing import sealed
from pgpipe.plumbing.devices import choose
from pgpipe.plumbing.layout import STATE
from pgpipe.plumbing.processes import launch
from pgpipe.plumbing.processes.group import first, join
from pgpipe.plumbing.processes.signals import stop_request
from pgpipe.plumbing.project import project_root
from pgpipe.reporting.progress import Meter
from pgpipe.tracking.tracker import NullTracker
from pgpipe.training import numerics, result, start
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.job import end_of
from pgpipe.training.phase import PhaseTraining
from pgpipe.training.quick_scorer import NO_SCORER, Scorer, follow, quick_scorer
from pgpipe.training.quick_task import quick_task, scores_key
from pgpipe.training.snapshots import Snapshots
from stages.listeners import Listeners, later, log_data, log_model, speed_of, title
from stages.machine import settled
from stages.paths import LAYERS, MULTIRES, images, model
from stages.tracked import tracked


class Params(Section):
    """The parameters that the stage reads."""

    train: TrainSection
    phase: Phase = Field(alias="growth.phases.{key}")
    fade: Shape = Field(alias="growth.fade")


def run(key: str) -> None:
    """Write models/KEY."""
    params = read_params(Params, key)
    try:
        require_name(key, params.phase)
    except ValueError as error:
        raise UsageError(f"params.yaml: growth.phases.{error}") from None
    section = settled().settled(params.train)
    phase = params.phase.with_shape(params.fade)
    launch.run(["train", key], lambda: train(key, section, phase))


def train(key: str, section: TrainSection, phase: Phase) -> None:
    """Train in this process, which may be one of several: the first of them writes."""
    states, end = states_of(key, section, phase), end_of(phase, section)
    with ExitStack() as stack:
        writes = first()
        if writes:
            stack.enter_context(states.locked(wait=in_a_workspace()))
            states.note_user(os.environ.get("DVC_EXP_NAME", ""))
        group = stack.enter_context(join(choose(section.device)))
        tracker = stack.enter_context(
            tracked(f"train@{key}") if writes else nullcontext(NullTracker())
        )
        labels = read_manifest(MULTIRES)["labels"]
        job = start.make_job(key, phase, section, *starts_from(key, phase), labels)
        task = quick_task(phase, section, str(MULTIRES))
        snapshots: Snapshots | None = None
        scorer: Scorer = NO_SCORER
        if task is not None:
            snapshots = Snapshots(states.folder, section.best_by, scores_key(task, job.spec))
            if writes:
                scorer = stack.enter_context(quick_scorer(snapshots, task))
        meter = stack.enter_context(Meter(title(key), phase.images, later=later(key)))
        listeners = Listeners(meter, tracker, phase.res, speed_of(phase) if writes else "")
        if not any(group.any(states.result(end) is not None)):
            start.warn_of_other_platforms(states, section)
            group.in_turn(lambda: start.require_parts(job, group.count))
            tracker.set_tags(numerics.tags(section))
            log_data(tracker, read_manifest(MULTIRES))
            batches = open_batches(section, phase.res, job.spec)
            training = PhaseTraining(job, batches, states, listeners, scorer, group)
            log_model(tracker, training.progress.rows, model(phase.origin))
            with stop_request() as stop:  # before it nothing can be lost
                training.run(stop)
        if writes:
            follow(scorer, listeners, 0)  # the metrics' code may be another than when it trained
            result.emit(states, end, snapshots, section, model(phase.origin), model(key))


def in_a_workspace() -> bool:
    """Whether an experiment runs beside others, which may train the same phase for longer."""
    return Path.cwd().resolve() != project_root().resolve()


def states_of(key: str, section: TrainSection, phase: Phase) -> StateFolder:
    """Return where the states of a phase lie, by its parameters, code, data and beginning.

    Raises:
        UsageError: what it begins with is not there.
        IntegrityError: it is damaged.
    """
    data = verify(MULTIRES, f"r{phase.res}")
    handed = sealed.files(model(phase.origin))  # also what `emit` hands on when it is over
    sealed.require(*handed, *starts_from(key, phase))
    name = f"{key}-{start.state_key(phase, section, *starts_from(key, phase), data)}"
    return StateFolder(project_root() / ".pgpipe/state" / name)


def starts_from(key: str, phase: Phase) -> tuple[Path, Path]:
    """Return the state of the phase before, and the first weights of the new layers."""
    return model(phase.origin) / STATE, LAYERS / f"{key}.safetensors"


def open_batches(section: TrainSection, resolution: int, spec: NetworkSpec) -> Batches:
    """The minibatches of one resolution, on the device that trains."""
    device = numerics.prepare(section)
    store = ImageStore(images(resolution))
    given = conditions(spec, read_labels(MULTIRES), read_captions(MULTIRES))
    held = numerics.holds(section, device, store.nbytes)
    ahead = device.type == "cuda"
    return Batches(store, given.numbers, section.seed, device, held, ahead, given.codes)
