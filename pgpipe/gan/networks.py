"""What a step changes: the networks, their optimisers, and the averaged ones."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec, TrainSection
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.generator import Generator
from pgpipe.gan.systems import SYSTEMS
from pgpipe.images import to_float

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
FAKE_SCORE = "fake_score"


@dataclass
class Networks:
    """The networks of a system at one resolution, by the names under which they are saved."""

    trained: dict[str, nn.Module]
    optimisers: dict[str, Optimizer]  # by the name of the network
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
            optimiser.state.clear()

    def set_learning_rate(self, rate: float) -> None:
        """Set it for all networks."""
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"].fill_(rate)

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
    if section.loss == "lsgan":
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


def optimiser(net: nn.Module, section: TrainSection, learning_rate: float) -> Optimizer:
    """Return the optimiser of a network that the section names.

    Plain steps have no momentum, as those of algorithm 1 of Goodfellow et al. 2014.
    """
    if section.optimiser == "adam":
        return adam(net, section, learning_rate)
    rate = torch.tensor(learning_rate, device=next(net.parameters()).device)
    return SGD(net.parameters(), rate, fused=True)


def adam(net: nn.Module, section: TrainSection, learning_rate: float) -> Adam:
    """Adam (Kingma and Ba 2015) as the section states it, in its fused form.

    Its learning rate is a tensor, so that a captured step sees it change.
    """
    parameters, betas = list(net.parameters()), (section.adam_beta1, section.adam_beta2)
    rate = torch.tensor(learning_rate, device=parameters[0].device)
    return Adam(parameters, rate, betas, section.adam_epsilon, fused=True, capturable=True)


def tensors_of(networks: Networks) -> dict[str, Tensor]:
    """All weights and moments by name."""
    named = {k: v for name, net in networks.named() for k, v in weights.named(net, name)}
    for kind, net in networks.trained.items():
        for name, parameter in net.named_parameters():
            for moment, value in networks.optimisers[kind].state.get(parameter, {}).items():
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
                networks.optimisers[kind].state[parameter] = {
                    moment: like(parameter, tensors[f"{prefix}.{moment}"]) for moment in MOMENTS
                }


def like(parameter: Tensor, value: Tensor) -> Tensor:
    """A moment on its parameter's device, in its memory layout."""
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter).copy_(value)
