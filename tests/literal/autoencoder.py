"""The steps of an autoencoder, a VAE and a VAE-GAN written out once more; networks are ours.

Sources: Kingma and Welling 2014, eq. 10; Larsen et al. 2016, algorithm 1.
"""

import copy
import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Laplace, Normal, kl_divergence

from literal.step import Twin
from pgpipe import rng
from pgpipe.gan.autoencoder import Encoder
from pgpipe.gan.config import TrainSection
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.generator import Generator
from pgpipe.gan.networks import Networks
from pgpipe.gan.step import Minibatch


class CodingTwin(Twin):
    """Trains copies of the networks that it is given."""

    def __init__(self, networks: Networks, train: TrainSection) -> None:
        self.train, self.system = train, networks.generator.spec.name
        self.nets = {name: copy.deepcopy(net) for name, net in networks.named()}
        self.averaged = networks.averaged
        settings: dict[str, Any] = {
            "lr": train.learning_rate,
            "betas": (train.adam_beta1, train.adam_beta2),
            "eps": train.adam_epsilon,
            "foreach": False,
            "fused": False,
        }
        self.adams = {
            name: torch.optim.Adam(self.nets[name].parameters(), **settings)
            for name in networks.trained
        }
        self.G = cast("Generator", self.nets["generator"])
        self.E = cast("Encoder", self.nets["encoder"])
        if "discriminator" in self.nets:
            self.D = cast("Discriminator", self.nets["discriminator"])
        self.running = float(networks.fake_score) if networks.fake_score is not None else 0.0

    def coded(self, batch: Minibatch, real: Tensor, stream: str) -> tuple[Tensor, Tensor]:
        """Reconstructions [N, C, R, R], and the mean KL of the codes."""
        mean, log_variance = self.E(real, batch.fade)
        if self.system == "autoencoder":
            return self.G(mean, None, batch.fade), torch.zeros(())
        spread = log_variance.exp().sqrt()
        normal = rng.normal(tuple(mean.shape), self.key(stream, batch))
        divergence = kl_divergence(Normal(mean, spread), Normal(0.0, 1.0)).sum(1).mean()
        return self.G(mean + spread * normal, None, batch.fade), divergence

    def error(self, found: Tensor, wanted: Tensor, kind: str) -> Tensor:
        """Without the constant of the density."""
        of: Any
        match kind:
            case "gaussian":
                of, constant = Normal(found, 1.0), 0.5 * math.log(2 * math.pi)
            case "laplace":
                of, constant = Laplace(found, 1.0), math.log(2)
            case _:
                of, constant = Bernoulli((1 + found) / 2, validate_args=False), 0.0
                wanted = (1 + wanted) / 2
        logs: Tensor = of.log_prob(wanted) + constant
        return -logs.flatten(1).sum(1).mean()

    def move(self, losses: dict[str, Tensor]) -> None:
        """Each network along the slope of its own loss; all slopes before any step."""
        found = {
            name: torch.autograd.grad(
                loss, list(self.nets[name].parameters()), retain_graph=True, allow_unused=True
            )
            for name, loss in losses.items()
        }
        for name, slopes in found.items():
            for parameter, slope in zip(self.nets[name].parameters(), slopes, strict=True):
                parameter.grad = slope
            self.adams[name].step()

    def of_pixels(self, batch: Minibatch) -> list[float]:
        """Autoencoder and VAE."""
        real = self.reals(batch)
        rebuilt, divergence = self.coded(batch, real, "codes")
        error = self.error(rebuilt, real, self.train.reconstruction)
        loss = error + self.train.kl_weight * divergence
        self.move({"encoder": loss, "generator": loss})
        every = [loss.item(), error.item(), divergence.item()]
        return every[:2] if self.system == "autoencoder" else every

    def of_d(self, batch: Minibatch) -> list[Tensor]:
        """D's loss and figures: half of the sum over both kinds of fakes."""
        real, drawn = self.reals(batch), self.fakes(batch, "latents d", None).detach()
        rebuilt = self.coded(batch, real, "codes d")[0].detach()
        scores, _ = self.scored(batch, real, "real", None)
        fakes = [self.scored(batch, *of, None)[0] for of in ((drawn, "fake"), (rebuilt, "rebuilt"))]
        loss = (self.adversarial(scores, fakes[0]) + self.adversarial(scores, fakes[1])) / 2
        chance = rng.uniform((len(real),), self.key("kinds", batch))
        mixed = torch.stack(
            [r if c < 0.5 else d for r, d, c in zip(rebuilt, drawn, chance, strict=True)]
        )
        penalty, norm = self.slope(batch, real, mixed)
        loss = loss + penalty
        if self.train.loss == "wgan-gp":
            loss = loss + self.train.drift * (scores**2).mean()
        self.move({"discriminator": loss})
        fake = (fakes[0].mean() + fakes[1].mean()) / 2
        return [loss, scores.mean(), fake, norm, torch.zeros(())]

    def features(self, batch: Minibatch, images: Tensor, stream: str) -> tuple[Tensor, Tensor]:
        """D's scores [N], and the input of its last block, taken on the way."""
        seen: list[Tensor] = []
        last = self.D.blocks["4"]
        hook = last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        scores, _ = self.scored(batch, images, stream, None)
        hook.remove()
        return scores, seen[0]

    def of_coders(self, batch: Minibatch) -> list[float]:
        """VAE-GAN's encoder and decoder."""
        real, drawn = self.reals(batch), self.fakes(batch, "latents g", None)
        rebuilt, divergence = self.coded(batch, real, "codes g")
        real_scores, wanted = self.features(batch, real, "real")
        rebuilt_scores, found = self.features(batch, rebuilt, "rebuilt")
        drawn_scores, _ = self.features(batch, drawn, "generator")
        error = self.error(found, wanted.detach(), "gaussian")
        sides = [
            self.adversarial_g(real_scores.detach(), x) for x in (rebuilt_scores, drawn_scores)
        ]
        loss_g = self.train.feature_weight * error + (sides[0] + sides[1]) / 2
        self.move({"encoder": error + self.train.kl_weight * divergence, "generator": loss_g})
        return [loss_g.item(), error.item(), divergence.item()]

    def __call__(self, batches: Sequence[Minibatch]) -> list[float]:
        """The figures of the system."""
        if self.system != "vae-gan":
            figures = self.of_pixels(batches[0])
        else:
            every = [self.of_d(batch) for batch in batches]
            of_d = [sum(x.item() for x in xs) / len(every) for xs in zip(*every, strict=True)]
            figures = [*self.of_coders(batches[-1]), *of_d]
            self.running = 0.9 * self.running + 0.1 * min(1.0, max(0.0, of_d[2]))
        images = sum(len(batch.images) for batch in batches)
        decay = 0.5 ** (images / (1000 * self.train.ema_half_life_kimg))
        for name, of in self.averaged.items():
            pairs = zip(self.nets[name].parameters(), self.nets[of].parameters(), strict=True)
            for mean, new in pairs:
                mean.data = decay * mean.data + (1 - decay) * new.data
        return figures
