"""Every preset trains: one step at its first resolution and one at its last, all maps made few."""

from functools import cache
from pkgutil import resolve_name

import pytest
import torch
from merging import Preset, params_of, spec_of
from test_preset_files import WHOLE
from torch import Tensor

from pgpipe import rng
from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec, TrainSection
from pgpipe.gan.networks import Networks, build, tensors_of
from pgpipe.gan.step import Minibatch
from pgpipe.gan.systems import SYSTEMS

pytestmark = pytest.mark.usefixtures("with_presets")

CPU = torch.device("cpu")
IMAGES = 4
SAME = {
    "minibatch": IMAGES,
    "learning_rate": 0.001,
    "tick_kimg": 1.0,
}  # else a step is computed twice


def tiny(spec: NetworkSpec) -> NetworkSpec:
    return spec.model_copy(update={"fmap_base": 64, "fmap_max": 8, "latent_size": 8})


def networks(spec: NetworkSpec, resolution: int, section: TrainSection) -> Networks:
    named = weights.initial(spec, resolution, section.seed)
    first = weights.with_averages(named, spec)
    return build(spec, resolution, first, section, section.learning_rate, CPU)


def minibatch(resolution: int, spec: NetworkSpec, number: int) -> Minibatch:
    shape = (IMAGES, resolution, resolution, spec.channels)
    labels = torch.arange(IMAGES) % spec.classes if spec.classes else None
    return Minibatch(
        images=rng.integers(256, shape, rng.key(0, "pixels", number)).to(torch.uint8),
        labels=labels,
        labels_g=labels,
        seen=torch.tensor(number * IMAGES),
        fade=None,
    )


@pytest.mark.slow
@pytest.mark.parametrize("chosen", WHOLE, ids=" ".join)
def test_takes_a_step(chosen: Preset) -> None:
    params = params_of(*chosen)
    phases = [phase.res for _, phase in params.growth.chain()]
    system = SYSTEMS[params.model.name]
    precision = "fp32" if params.train.precision == "auto" else params.train.precision
    section = params.train.model_copy(update={**SAME, "precision": precision})
    for resolution in {phases[0], phases[-1]}:
        figures, moved = step(tiny(spec_of(params)), section, resolution)
        assert figures.shape == (len(system.statistics),)
        assert figures.isfinite().all()
        for network in (*system.networks, *system.averages):
            assert any(name.startswith(f"{network}.") for name in moved), network


@cache
def step(spec: NetworkSpec, section: TrainSection, resolution: int) -> tuple[Tensor, set[str]]:
    """Figures of a step, and the tensors that it moved."""
    nets = networks(spec, resolution, section)
    before = {name: value.clone() for name, value in tensors_of(nets).items()}
    steps = range(section.discriminator_steps)
    train = resolve_name(SYSTEMS[spec.name].step)(nets, section)
    figures = train([minibatch(resolution, spec, number) for number in steps])
    after = tensors_of(nets)
    return figures, {name for name, value in before.items() if not value.equal(after[name])}
