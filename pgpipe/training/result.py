"""What a finished phase leaves: the folder `models/rN`, whose files `pgpipe.layout` names."""

from pathlib import Path

import torch

from pgpipe import tensors
from pgpipe.errors import IntegrityError
from pgpipe.files import fresh_folder, link_or_copy
from pgpipe.layout import GENERATOR, HISTORY, PREVIEWS, STATE
from pgpipe.nets import weights
from pgpipe.nets.config import NetworkSpec
from pgpipe.nets.sampling import save_generator
from pgpipe.training.checkpoint import StateFolder
from pgpipe.training.history import write_history


def emit(states: StateFolder, before: Path, target: Path) -> None:
    """Write `target` from a finished phase's states and the folder of the phase before."""
    state = states.result
    if state is None:
        raise IntegrityError(f"{states.folder}: has no intact result; run the same command again")
    named, facts = tensors.read(state)
    fresh_folder(target)
    link_or_copy(state, target / STATE)
    with torch.device("meta"):
        generator = weights.generator(NetworkSpec(**facts["spec"]), facts["resolution"])
    weights.load(generator.to_empty(device="cpu"), named, "average")
    save_generator(target / GENERATOR, generator)
    write_history(target / HISTORY, facts["progress"]["rows"])
    for folder in (before / PREVIEWS, states.folder / PREVIEWS):
        for picture in sorted(folder.glob("*.png")):
            link_or_copy(picture, target / PREVIEWS / picture.name)
