"""What a step changes: G, D, the averaged G, and both optimisers."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Adam

from pgpipe.nets import weights
from pgpipe.nets.config import NetworkSpec
from pgpipe.nets.discriminator import Discriminator
from pgpipe.nets.generator import Generator
from pgpipe.training.config import TrainSection

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class Networks:
    """G, D and the averaged G at one resolution, with Adam for the first two."""

    generator: Generator
    discriminator: Discriminator
    average: Generator
    adam_g: Adam
    adam_d: Adam

    def reset_adam(self) -> None:
        """Forget the moments: at the start of a fade and at its end."""
        self.adam_g.state.clear()
        self.adam_d.state.clear()

    def pairs(self) -> list[tuple[str, nn.Module]]:
        """The networks by the name under which they are saved."""
        return [
            ("generator", self.generator),
            ("discriminator", self.discriminator),
            ("average", self.average),
        ]

    def optimisers(self) -> list[tuple[str, nn.Module, Adam]]:
        """The networks that have an optimiser, by the name of its moments."""
        return [
            ("adam.generator", self.generator, self.adam_g),
            ("adam.discriminator", self.discriminator, self.adam_d),
        ]


def build(
    spec: NetworkSpec,
    resolution: int,
    tensors: Mapping[str, Tensor],
    section: TrainSection,
    learning_rate: float,
    device: torch.device,
) -> Networks:
    """Networks on `device` with the weights (and moments, if any) named in `tensors`."""
    nets = [Generator(spec, resolution), Discriminator(spec, resolution)]
    nets.append(copy.deepcopy(nets[0]).requires_grad_(False))
    layout = torch.channels_last if section.channels_last else torch.contiguous_format
    for net, name in zip(nets, ("generator", "discriminator", "average"), strict=True):
        weights.load(net, tensors, name)
        net.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    g, d, average = nets
    assert isinstance(g, Generator)
    assert isinstance(d, Discriminator)
    assert isinstance(average, Generator)
    made = Networks(g, d, average, *(adam(net, section, learning_rate) for net in (g, d)))
    load_moments(made, tensors)
    return made


def adam(net: nn.Module, section: TrainSection, learning_rate: float) -> Adam:
    """Adam (Kingma and Ba 2015) as the section states it, in its fused form."""
    betas = (section.adam_beta1, section.adam_beta2)
    return Adam(net.parameters(), learning_rate, betas, eps=section.adam_epsilon, fused=True)


def tensors_of(networks: Networks) -> dict[str, Tensor]:
    """All weights and moments by name."""
    named = {k: v for name, net in networks.pairs() for k, v in weights.named(net, name)}
    for prefix, net, optimiser in networks.optimisers():
        for name, parameter in net.named_parameters():
            for moment, value in optimiser.state.get(parameter, {}).items():
                named[f"{prefix}.{name}.{moment}"] = value
    return named


def load_moments(networks: Networks, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `tensors_of` for the optimisers; a parameter without moments starts anew."""
    for prefix, net, optimiser in networks.optimisers():
        for name, parameter in net.named_parameters():
            if f"{prefix}.{name}.step" in tensors:
                optimiser.state[parameter] = {
                    moment: like(parameter, tensors[f"{prefix}.{name}.{moment}"])
                    for moment in MOMENTS
                }


def like(parameter: Tensor, value: Tensor) -> Tensor:
    """A moment on its parameter's device, in its memory layout."""
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter).copy_(value)
