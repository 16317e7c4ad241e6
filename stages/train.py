"""train: one phase of the growth, `train@rN` in DVC; the same command again resumes."""

import torch
from pydantic import Field

from pgpipe.config import Section, read_params
from pgpipe.data.batches import Batches
from pgpipe.data.multires import ImageStore, read_labels, read_manifest, verify
from pgpipe.files import project_root
from pgpipe.layout import STATE
from pgpipe.reporting.progress import Meter
from pgpipe.schedule import Phase
from pgpipe.training import numerics, result, start
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.config import TrainSection
from pgpipe.training.phase import PhaseTraining
from pgpipe.training.signals import stop_request
from stages.listeners import Listeners, log_data, log_model
from stages.paths import LAYERS, MULTIRES, images, model
from stages.tracked import tracked


class Params(Section):
    """What it reads."""

    train: TrainSection
    phase: Phase = Field(alias="growth.phases.{key}")


def run(key: str) -> None:
    """Write models/KEY."""
    params = read_params(Params, key)
    section, phase = params.train, params.phase
    before, layers = model(phase.origin) / STATE, LAYERS / f"{key}.safetensors"
    data = verify(MULTIRES, f"r{phase.res}")
    states = StateFolder(
        project_root()
        / f".pgpipe/state/{key}-{start.state_key(phase, section, before, layers, data)}"
    )
    with states.locked(), tracked(f"train@{key}") as tracker:
        if states.result is None:
            start.warn_of_other_platforms(states, section)
            job = start.make_job(key, phase, section, before, layers)
            tracker.set_tags({"device": numerics.name(section)})
            log_model(tracker, job.rows_before, model(phase.origin))
            log_data(tracker, read_manifest(MULTIRES))
            with Meter(f"train@{key}", phase.images) as meter:
                listeners = Listeners(meter, tracker, phase.res)
                batches = open_batches(section, phase.res, job.spec.classes > 0)
                training = PhaseTraining(job, batches, states, listeners)
                with stop_request() as stop:  # before it nothing can be lost
                    training.run(stop)
        result.emit(states, model(phase.origin), model(key))


def open_batches(section: TrainSection, resolution: int, labelled: bool) -> Batches:
    """The minibatches of one resolution, on the device that trains."""
    device = numerics.prepare(section)
    store = ImageStore(images(resolution))
    labels = torch.from_numpy(read_labels(MULTIRES)) if labelled else None
    held = numerics.holds(section, device, store.nbytes)
    return Batches(store, labels, section.seed, device, held)
