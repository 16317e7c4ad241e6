"""Weights by name: their first values, and growth as a change of the set of names."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from pgpipe import rng
from pgpipe.nets.config import NetworkSpec
from pgpipe.nets.discriminator import Discriminator
from pgpipe.nets.generator import Generator

Weights = dict[str, Tensor]

NETWORKS: dict[str, type[Generator] | type[Discriminator]] = {
    "generator": Generator,
    "discriminator": Discriminator,
}


def names(spec: NetworkSpec, resolution: int) -> list[tuple[str, torch.Size]]:
    """`generator.blocks.4.seed.weight` and so on, with shapes, of both networks at a resolution."""
    with torch.device("meta"):
        nets = {kind: build(spec, resolution) for kind, build in NETWORKS.items()}
    return [(f"{k}.{n}", p.shape) for k, net in nets.items() for n, p in net.named_parameters()]


def initial(spec: NetworkSpec, resolution: int, seed: int, before: int | None = None) -> Weights:
    """First values of the weights that both networks have at `resolution` but not at `before`.

    Weights are N(0, 1), biases 0 (section 4.1). Each is a function of the seed and its name, so
    that it does not depend on when its layer is grown.
    """
    older = {name for name, _ in names(spec, before)} if before else set()
    return {
        name: torch.zeros(shape)
        if name.endswith("bias")
        else rng.normal(tuple(shape), rng.key(seed, name, 0))
        for name, shape in names(spec, resolution)
        if name not in older
    }


def load(net: nn.Module, weights: Mapping[str, Tensor], prefix: str) -> None:
    """Fill `net` with the weights called `prefix.NAME`; every one has to be there."""
    net.load_state_dict({name: weights[f"{prefix}.{name}"] for name in net.state_dict()})


def named(net: nn.Module, prefix: str) -> Iterable[tuple[str, Tensor]]:
    """The inverse of `load`."""
    return ((f"{prefix}.{name}", value) for name, value in net.state_dict().items())
