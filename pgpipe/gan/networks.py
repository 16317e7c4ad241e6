"""What a step changes: G, D, the averaged G, and both optimisers."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Adam

from pgpipe.gan import weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.generator import Generator
from pgpipe.gan.train_section import TrainSection

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
FAKE_SCORE = "fake_score"


@dataclass
class Networks:
    """G, D and the averaged G at one resolution, with Adam for the first two."""

    generator: Generator
    discriminator: Discriminator
    average: Generator
    adam_g: Adam
    adam_d: Adam
    fake_score: Tensor | None  # [], of the least-squares objective: running mean, sets D's noise

    def reset_adam(self) -> None:
        """Forget the moments."""
        self.adam_g.state.clear()
        self.adam_d.state.clear()

    def set_learning_rate(self, rate: float) -> None:
        """Of both networks."""
        for optimiser in (self.adam_g, self.adam_d):
            for group in optimiser.param_groups:
                group["lr"].fill_(rate)

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
    g, d = weights.generator(spec, resolution), weights.discriminator(spec, resolution)
    average = copy.deepcopy(g).requires_grad_(False)
    layout = torch.channels_last if section.channels_last else torch.contiguous_format
    for net, name in ((g, "generator"), (d, "discriminator"), (average, "average")):
        weights.load(net, tensors, name)
        net.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    adam_g, adam_d = (adam(net, section, learning_rate) for net in (g, d))
    fake_score = None
    if section.loss == "lsgan":
        fake_score = tensors.get(FAKE_SCORE, torch.zeros(())).to(device, copy=True)
    made = Networks(g, d, average, adam_g, adam_d, fake_score)
    load_moments(made, tensors)
    return made


def adam(net: nn.Module, section: TrainSection, learning_rate: float) -> Adam:
    """Adam (Kingma and Ba 2015) as the section states it, in its fused form.

    Its learning rate is a tensor, so that a captured step sees it change.
    """
    parameters, betas = list(net.parameters()), (section.adam_beta1, section.adam_beta2)
    rate = torch.tensor(learning_rate, device=parameters[0].device)
    return Adam(parameters, rate, betas, section.adam_epsilon, fused=True, capturable=True)


def tensors_of(networks: Networks) -> dict[str, Tensor]:
    """All weights and moments by name."""
    named = {k: v for name, net in networks.pairs() for k, v in weights.named(net, name)}
    for prefix, net, optimiser in networks.optimisers():
        for name, parameter in net.named_parameters():
            for moment, value in optimiser.state.get(parameter, {}).items():
                named[f"{prefix}.{name}.{moment}"] = value
    if networks.fake_score is not None:
        named[FAKE_SCORE] = networks.fake_score
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
