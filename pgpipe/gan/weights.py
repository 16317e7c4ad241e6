"""Weights by name: their first values, and growth as a change of the set of names."""

from collections.abc import Iterable, Iterator, Mapping
from pkgutil import resolve_name
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from pgpipe import rng
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.generator import Generator
from pgpipe.gan.systems import SYSTEMS

Weights = dict[str, Tensor]


class Initial(NamedTuple):
    """What a weight's first values are drawn from: N(mean, spread^2)."""

    name: str
    shape: torch.Size
    mean: float
    spread: float


def network(spec: NetworkSpec, name: str, resolution: int) -> nn.Module:
    """Return a network of the system that the spec names, grown to a resolution; uninitialised."""
    made: nn.Module = resolve_name(SYSTEMS[spec.name].networks[name].where)(spec, resolution)
    return made


def generator(spec: NetworkSpec, resolution: int) -> Generator:
    """Return the network whose average is sampled; uninitialised."""
    system = SYSTEMS[spec.name]
    return cast("Generator", network(spec, system.averages[system.sampled], resolution))


def names(spec: NetworkSpec, resolution: int) -> list[tuple[str, torch.Size]]:
    """Return `generator.blocks.4.seed.weight` and so on, with shapes, of all networks."""
    return [(weight.name, weight.shape) for weight in initials(spec, resolution)]


def initials(spec: NetworkSpec, resolution: int) -> Iterator[Initial]:
    """Yield every weight at a resolution, with what its first values are drawn from."""
    with torch.device("meta"):
        nets = {name: network(spec, name, resolution) for name in SYSTEMS[spec.name].networks}
    for kind, net in nets.items():
        for path, module in net.named_modules():
            for name, parameter in module.named_parameters(recurse=False):
                own = cast("dict[str, tuple[float, float]]", module.initial)
                yield Initial(f"{kind}.{path}.{name}", parameter.shape, *own[name])


def draw(weight: Initial, seed: int) -> Tensor:
    """Draw the first values of one weight, which are a function of the seed and its name."""
    if not weight.spread:
        return torch.full(weight.shape, weight.mean)
    normal = rng.normal(tuple(weight.shape), rng.key(seed, weight.name, 0))
    return normal * weight.spread + weight.mean


def initial(spec: NetworkSpec, resolution: int, seed: int, before: int | None = None) -> Weights:
    """Return first values of the weights that are there at `resolution` but not at `before`.

    None depends on when its layer is grown.
    """
    older = {name for name, _ in names(spec, before)} if before else set()
    found = (weight for weight in initials(spec, resolution) if weight.name not in older)
    return {weight.name: draw(weight, seed) for weight in found}


def in_averages(name: str, spec: NetworkSpec) -> list[str]:
    """Return what a weight of a network is called in the averages of that network."""
    kind, _, rest = name.partition(".")
    return [f"{own}.{rest}" for own, of in SYSTEMS[spec.name].averages.items() if of == kind]


def with_averages(weights: Mapping[str, Tensor], spec: NetworkSpec) -> Weights:
    """Return weights of networks, and the same as those of their averages."""
    averages = {own: w for name, w in weights.items() for own in in_averages(name, spec)}
    return {**averages, **weights}


def labelled(spec: NetworkSpec, resolution: int) -> dict[str, int]:
    """Return the axes that end with rows of the condition, by the names of their weights."""
    if not spec.condition:
        return {}
    other = {"classes": 1 if spec.condition > 1 else 2, "captions": False}
    shapes = dict(names(spec.model_copy(update=other), resolution))
    return {
        name: next(axis for axis, size in enumerate(shape) if shapes[name][axis] != size)
        for name, shape in names(spec, resolution)
        if shapes[name] != shape
    }


def load(net: nn.Module, weights: Mapping[str, Tensor], prefix: str) -> None:
    """Fill `net` with the weights called `prefix.NAME`; every one has to be there."""
    net.load_state_dict({name: weights[f"{prefix}.{name}"] for name in net.state_dict()})


def named(net: nn.Module, prefix: str) -> Iterable[tuple[str, Tensor]]:
    """Return the weights of `net` as `prefix.NAME`: the inverse of `load`."""
    return ((f"{prefix}.{name}", value) for name, value in net.state_dict().items())
