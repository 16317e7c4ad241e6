"""What a step trains and reads, tiny: networks of 8x8 images and minibatches of noise."""

from typing import Any

import torch
from specs import network_spec

from pgpipe import rng
from pgpipe.nets import weights
from pgpipe.training.config import TrainSection
from pgpipe.training.networks import Networks, build
from pgpipe.training.objective import Minibatch

CPU = torch.device("cpu")


def networks(train: TrainSection, resolution: int = 8, **changes: Any) -> Networks:
    """Networks whose average is not the generator itself."""
    sizes = {"fmap_base": 64, "fmap_max": 8, "minibatch_stddev": train.minibatch_stddev}
    spec = network_spec(**{**sizes, **changes})
    named = weights.initial(spec, resolution, 0)
    others = weights.initial(spec, resolution, 1)
    average = {n.replace("generator", "average"): v for n, v in others.items()}
    return build(spec, resolution, {**named, **average}, train, train.learning_rate, CPU)


def minibatch(seen: int = 0, classes: int = 0, fade: float | None = None, N: int = 8) -> Minibatch:
    """The reals, labels and counters after `seen` images."""
    pixels = rng.integers(256, (N, 8, 8, 3), rng.key(0, "pixels", seen)).to(torch.uint8)
    labels = [rng.integers(classes, (N,), rng.key(0, s, seen)) for s in "dg"] if classes else None
    return Minibatch(
        images=pixels,
        labels=labels[0] if labels else None,
        labels_g=labels[1] if labels else None,
        seen=torch.tensor(seen),
        fade=None if fade is None else torch.tensor(fade),
    )
