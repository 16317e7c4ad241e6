"""What a finished phase leaves: the folder `models/rN`, whose files `pgpipe.layout` names."""

from pathlib import Path

import torch

from pgpipe import tensors
from pgpipe.errors import IntegrityError
from pgpipe.files import fresh_folder, link_or_copy
from pgpipe.layout import GENERATOR, HISTORY, LAST, PREVIEWS, SCORES, STATE
from pgpipe.nets import weights
from pgpipe.nets.config import NetworkSpec
from pgpipe.nets.sampling import save_generator
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.config import TrainSection
from pgpipe.training.history import PLACE, write_history
from pgpipe.training.snapshots import Snapshots, write_rows


def emit(states: StateFolder, section: TrainSection, before: Path, target: Path) -> None:
    """Write `target` from a finished phase's states and the folder of the phase before.

    The generator to sample and score is the best snapshot, unless the last one is selected or no
    snapshot was scored.
    """
    snapshots = Snapshots(states.folder, section.best_by)
    state = states.result
    if state is None:
        raise IntegrityError(f"{states.folder}: has no intact result; run the same command again")
    named, facts = tensors.read(state)
    fresh_folder(target)
    link_or_copy(state, target / STATE)
    with torch.device("meta"):
        generator = weights.generator(NetworkSpec(**facts["spec"]), facts["resolution"])
    weights.load(generator.to_empty(device="cpu"), named, "average")
    last = facts["progress"]["rows"][-1]
    save_generator(target / LAST, generator, row={name: last[name] for name in PLACE})
    best = None if section.select == "last" else snapshots.best()
    link_or_copy(best or target / LAST, target / GENERATOR)
    write_history(target / HISTORY, facts["progress"]["rows"])
    write_rows(target / SCORES, before / SCORES, list(snapshots.rows().values()))
    for folder in (before / PREVIEWS, states.folder / PREVIEWS):
        for picture in sorted(folder.glob("*.png")):
            link_or_copy(picture, target / PREVIEWS / picture.name)
