"""What a step changes: the networks, their optimisers, and the averaged ones."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec, TrainSection
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.generator import Generator
from pgpipe.gan.losses.loss import load
from pgpipe.gan.systems import SYSTEMS
from pgpipe.images import to_float
from pgpipe.optimisers import MOMENTS, Adam, Descent, Optimiser

FAKE_SCORE = "fake_score"


@dataclass
class Networks:
    """The networks of a system at one resolution, by the names under which they are saved."""

    trained: dict[str, nn.Module]
    optimisers: dict[str, Optimiser]  # by the name of the network
    averages: dict[str, nn.Module]  # exponential moving averages of the weights
    averaged: Mapping[str, str]  # the name of an average -> that of the network
    fake_score: Tensor | None  # [], of `lsgan`: running mean, sets the strength of D's noise

    @property
    def generator(self) -> Generator:
        """G of a GAN."""
        return cast("Generator", self.trained["generator"])

    @property
    def discriminator(self) -> Discriminator:
        """D of a GAN."""
        return cast("Discriminator", self.trained["discriminator"])

    @property
    def average(self) -> Generator:
        """The averaged G of a GAN."""
        return cast("Generator", self.averages["average"])

    def fit(self, reals: Callable[[], tuple[Tensor, Tensor | None]], but: Sequence[str]) -> None:
        """Set what depends on data in D, if it is not named: uint8 [N, R, R, C], labels [N]."""
        net = self.trained.get("discriminator")
        if isinstance(net, Discriminator) and "discriminator" not in but:
            images, labels = reals()
            net.fit(to_float(images), labels)

    def reset_adam(self) -> None:
        """Forget the moments of all networks."""
        for optimiser in self.optimisers.values():
            optimiser.moments.clear()

    def set_learning_rate(self, rate: float) -> None:
        """Set it for all networks."""
        for optimiser in self.optimisers.values():
            assert isinstance(optimiser.learning_rate, Tensor)
            optimiser.learning_rate.fill_(rate)

    def update_averages(self, decay: float) -> None:
        """Move each average towards its network: w <- decay w + (1 - decay) w_network."""
        for name, average in self.averages.items():
            weights: list[Tensor] = list(average.parameters())
            current = [p.detach() for p in self.trained[self.averaged[name]].parameters()]
            torch._foreach_lerp_(weights, current, 1 - decay)

    def named(self) -> list[tuple[str, nn.Module]]:
        """Return all networks by the name under which they are saved."""
        return [*self.trained.items(), *self.averages.items()]


def build(
    spec: NetworkSpec,
    resolution: int,
    tensors: Mapping[str, Tensor],
    section: TrainSection,
    learning_rate: float,
    device: torch.device,
) -> Networks:
    """Return networks on `device` with the weights (and moments, if any) named in `tensors`."""
    system = SYSTEMS[spec.name]
    trained = {name: weights.network(spec, name, resolution) for name in system.networks}
    averages = {
        name: copy.deepcopy(trained[of]).requires_grad_(False)
        for name, of in system.averages.items()
    }
    layout = torch.channels_last if section.channels_last else torch.contiguous_format
    for name, net in (trained | averages).items():
        weights.load(net, tensors, name)
        net.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    for name, of in system.averages.items():
        freeze(trained[of], averages[name])
    optimisers = {name: optimiser(net, section, learning_rate) for name, net in trained.items()}
    fake_score = None
    if load(section.loss).noise:
        fake_score = tensors.get(FAKE_SCORE, torch.zeros(())).to(device, copy=True)
    made = Networks(trained, optimisers, averages, system.averages, fake_score)
    load_moments(made, tensors)
    return made


@torch.no_grad()
def freeze(net: nn.Module, average: nn.Module) -> None:
    """Give a network's frozen parameters the values of its average, which is what was sampled."""
    for parameter, averaged in zip(net.parameters(), average.parameters(), strict=True):
        if not parameter.requires_grad:
            parameter.copy_(averaged)


def optimiser(net: nn.Module, section: TrainSection, learning_rate: float) -> Optimiser:
    """Return the optimiser of a network as the section states it."""
    rate = torch.tensor(learning_rate, device=next(net.parameters()).device)
    if section.optimiser == "sgd":
        return Descent(net.parameters(), rate)
    betas = section.adam_beta1, section.adam_beta2
    return Adam(net.parameters(), rate, betas, section.adam_epsilon, fused=True)


def tensors_of(networks: Networks) -> dict[str, Tensor]:
    """All weights and moments by name."""
    named = {k: v for name, net in networks.named() for k, v in weights.named(net, name)}
    for kind, net in networks.trained.items():
        for name, parameter in net.named_parameters():
            for moment, value in networks.optimisers[kind].moments.get(parameter, {}).items():
                named[f"adam.{kind}.{name}.{moment}"] = value
    if networks.fake_score is not None:
        named[FAKE_SCORE] = networks.fake_score
    return named


def load_moments(networks: Networks, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `tensors_of` for the optimisers; a parameter without moments starts anew.

    Plain SGD has none.
    """
    for kind, net in networks.trained.items():
        for name, parameter in net.named_parameters():
            prefix = f"adam.{kind}.{name}"
            if f"{prefix}.step" in tensors:
                networks.optimisers[kind].moments[parameter] = {
                    moment: like(parameter, tensors[f"{prefix}.{moment}"]) for moment in MOMENTS
                }


def like(parameter: Tensor, value: Tensor) -> Tensor:
    """A moment on its parameter's device, in its memory layout."""
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter).copy_(value)
