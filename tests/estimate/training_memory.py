"""Two training steps of networks of some size, for a process that is measured."""

from pkgutil import resolve_name
from typing import Any

import torch
from specs import network_spec, train_section

from pgpipe.gan import weights
from pgpipe.gan.networks import build
from pgpipe.gan.step import Minibatch
from pgpipe.gan.systems import SYSTEMS


def two_steps(resolution: int, model: dict[str, Any], train: dict[str, Any]) -> None:
    """On one thread of a CPU, after the libraries that a phase imports."""
    torch.set_num_threads(1)
    section, spec = train_section(full_resolution=resolution, **train), network_spec(**model)
    named = weights.initial(spec, resolution, 0)
    first = weights.with_averages(named, spec)
    networks = build(spec, resolution, first, section, 1e-3, torch.device("cpu"))
    step = resolve_name(SYSTEMS[spec.name].step)(networks, section)
    shape = (section.minibatch, resolution, resolution, 3)
    labels = torch.arange(section.minibatch) % spec.classes if spec.classes else None
    for number in range(2):
        images = torch.randint(0, 256, shape, dtype=torch.uint8)
        seen = torch.tensor(number * section.minibatch)
        step([Minibatch(images, labels, labels, seen, None)])
