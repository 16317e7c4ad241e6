"""Networks whose every parameter is random, what goes into them, and their layers' sizes."""

from typing import TypeVar, cast

from torch import Tensor, nn

from pgpipe import rng
from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.generator import Generator

N = TypeVar("N", bound=nn.Module)

PAPER = {"fmap_base": 8192, "fmap_max": 512, "latent_size": 512}
TABLE_1 = {**PAPER, "fmap_base": 2048}
CIFAR = {"fmap_base": 4096, "fmap_max": 128, "latent_size": 128}


def generator(spec: NetworkSpec, resolution: int, seed: int = 0) -> Generator:
    net = weights.generator(spec, resolution)
    weights.load(net, weights.initial(spec, resolution, seed), "generator")
    return disturbed(net, seed)


def discriminator(spec: NetworkSpec, resolution: int, seed: int = 0) -> Discriminator:
    net = cast("Discriminator", weights.network(spec, "discriminator", resolution))
    weights.load(net, weights.initial(spec, resolution, seed), "discriminator")
    return disturbed(net, seed)


def disturbed(net: N, seed: int = 0) -> N:
    """The network with random numbers added to all that starts as a constant."""
    for name, parameter in net.named_parameters():
        if name.endswith(("bias", "gain", "log_length")):
            parameter.data += 0.3 * rng.normal(tuple(parameter.shape), rng.key(seed, name, 1))
    return net


def latents(count: int, size: int = 5) -> Tensor:
    return rng.normal((count, size), rng.key(0, "z", 0))


def pictures(count: int, resolution: int, channels: int = 3) -> Tensor:
    return rng.normal((count, channels, resolution, resolution), rng.key(0, "images", 0))


def layer_sizes(spec: NetworkSpec, resolution: int, network: str) -> dict[str, int]:
    """Numbers of parameters by layer of the generator or the discriminator."""
    found: dict[str, int] = {}
    for name, shape in weights.names(spec, resolution):
        kind, _, layer = name.removesuffix(".norm.gain").partition(".")
        if kind == network:
            layer = layer if name.endswith("gain") else layer.rpartition(".")[0]
            found[layer] = found.get(layer, 0) + shape.numel()
    return found
