"""Autoencoder, VAE and VAE-GAN with the paper's networks: D's trunk encodes, G decodes.

The encoder grows like D, block by block, and the newest blocks of both fade in together. Codes are
from N(0, I) in a VAE, so none are brought to the hypersphere.

Autoencoder: both networks lower the reconstruction error of the code's mean. VAE (Kingma and
Welling 2014): the code is drawn, and its KL to N(0, I) is lowered, too. VAE-GAN (Larsen et al.
2016): D sees reals, reconstructions and decoded samples; what is reconstructed are its features.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.gan.config import NetworkSpec, TrainSection
from pgpipe.gan.discriminator import Discriminator, LastBlock, options_of
from pgpipe.gan.layers import Dense, in_float32, kernels_kept
from pgpipe.gan.losses.reconstruction import LIKELIHOODS, gaussian, kl, sample
from pgpipe.gan.networks import Networks
from pgpipe.gan.step import BaseStep, Minibatch, Step, autocast, weights_fixed
from pgpipe.gan.widths import hidden_maps
from pgpipe.plumbing.processes.group import ALONE, Processes


class Code(LastBlock):
    """[N, C, 4, 4] -> mean and log-variance of each image's code, [N, 2 latent_size]."""

    def __init__(self, spec: NetworkSpec) -> None:
        alone = {"classes": 0, "minibatch_stddev": False, "minibatch_discrimination": 0}
        super().__init__(spec.model_copy(update=alone))
        del self.score
        numbers, plain = 2 * spec.latent_size, options_of(spec).plain
        self.moments = Dense(hidden_maps(spec), numbers, gain=1.0, options=plain)

    def forward(self, x: Tensor, _: Tensor | None = None) -> Tensor:
        """[N, C, 4, 4] -> [N, 2 latent_size]."""
        return in_float32(self.moments, self.features(x))


class Encoder(Discriminator):
    """Image -> mean and log-variance of its code: D but for the last layer."""

    def add(self, resolution: int) -> None:
        """Add the layers of one resolution."""
        super().add(resolution)
        if resolution == 4:
            self.blocks["4"] = Code(self.spec)

    def forward(
        self, images: Tensor, fade: Tensor | None = None, _: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """[N, channels, R, R] -> mean and log-variance, [N, latent_size] each."""
        mean, log_variance = self.blocks["4"](self.down_to_4x4(images, fade)).chunk(2, dim=1)
        return mean, log_variance


def decoded(
    step: BaseStep, encoder: Encoder, batch: Minibatch, real: Tensor, stream: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the decoded codes of reals [N, C, R, R], drawn, and the codes' mean, log-variance."""
    mean, log_variance = encoder(real, batch.fade)
    code = sample(mean, log_variance, step.latents(batch, stream))
    return step.G(code, None, batch.fade), mean, log_variance


class AutoencoderStep(BaseStep):
    """Trains an autoencoder: its code is the mean alone."""

    def __init__(
        self, networks: Networks, section: TrainSection, processes: Processes = ALONE
    ) -> None:
        super().__init__(networks, section, processes)
        self.E = cast("Encoder", networks.trained["encoder"])
        self.likelihood = LIKELIHOODS[section.reconstruction]

    def __call__(self, batches: Sequence[Minibatch]) -> Tensor:
        """Lower the loss of both networks once, then move the averages; return the statistics."""
        (batch,) = batches
        adams = [self.networks.optimisers[name] for name in ("encoder", "generator")]
        for adam in adams:
            adam.zero_grad()
        micro, found = self.micro_batches(batch), []
        for part in micro:
            with autocast(self.section, self.device):
                loss, *others = self.losses(part, self.reals(part))
            (loss / len(micro)).backward()
            found.append(torch.stack([loss, *others]).detach())
        mean = torch.stack(found).mean(dim=0)
        self.processes.mean_([*(g for adam in adams for g in adam.gradients()), mean])
        for adam in adams:
            adam.step()
        self.networks.update_averages(self.section.ema_decay(len(batch.images)))
        return mean

    def losses(self, batch: Minibatch, real: Tensor) -> tuple[Tensor, ...]:
        """Return the loss [] on reals [N, C, R, R], and the error of the reconstructions []."""
        mean, _ = self.E(real, batch.fade)
        error = self.likelihood(self.G(mean, None, batch.fade), real)
        return error, error


class VaeStep(AutoencoderStep):
    """Trains a VAE: lowers the evidence lower bound, negated (Kingma and Welling 2014, eq. 10)."""

    def losses(self, batch: Minibatch, real: Tensor) -> tuple[Tensor, ...]:
        """Return the loss [], the error of the reconstructions [], and the codes' KL []."""
        rebuilt, mean, log_variance = decoded(self, self.E, batch, real, "codes")
        error = self.likelihood(rebuilt, real)
        divergence = kl(mean, log_variance)
        return error + self.section.kl_weight * divergence, error, divergence


class VaeGanStep(Step):
    """Trains a VAE-GAN (Larsen et al. 2016, algorithm 1).

    D tells reals from two kinds of fakes, reconstructions and decoded samples of N(0, I). A loss of
    the table weighs reals and fakes alike, so both kinds have half of the fakes' weight each. What
    an image is reconstructed in is the input of D's last block.
    """

    def __init__(
        self, networks: Networks, section: TrainSection, processes: Processes = ALONE
    ) -> None:
        super().__init__(networks, section, processes)
        self.E = cast("Encoder", networks.trained["encoder"])

    def update_generator(self, batch: Minibatch) -> Tensor:
        """Lower the encoder's and the decoder's loss once; return the latter and its parts, [3].

        Both come from one pass, before either network moves, and each reaches its own weights only.
        """
        adam_e, adam_g = (self.networks.optimisers[name] for name in ("encoder", "generator"))
        adam_e.zero_grad()
        adam_g.zero_grad()
        micro, found = self.micro_batches(batch), []
        for part in micro:
            with (
                autocast(self.section, self.device),
                weights_fixed(self.D),
                kernels_kept(self.D),
            ):
                loss_e, loss_g, *others = self.losses(part)
            (loss_e / len(micro)).backward(inputs=list(self.E.parameters()), retain_graph=True)
            (loss_g / len(micro)).backward(inputs=list(self.G.parameters()))
            found.append(torch.stack([loss_g, *others]).detach())
        mean = torch.stack(found).mean(dim=0)
        self.processes.mean_([*adam_e.gradients(), *adam_g.gradients(), mean])
        adam_e.step()
        adam_g.step()
        return mean

    def losses(self, batch: Minibatch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the encoder's loss, the decoder's, the error in D's features, the KL: []."""
        real = self.reals(batch)
        rebuilt, mean, log_variance = decoded(self, self.E, batch, real, "codes g")
        drawn = self.fakes(batch, "latents g", None)
        with torch.no_grad():
            wanted, real_scores = self.judged(batch, real, "real")
        features, rebuilt_scores = self.judged(batch, rebuilt, "rebuilt")
        _, drawn_scores = self.judged(batch, drawn, "generator")
        error, divergence = gaussian(features, wanted), kl(mean, log_variance)
        sides = [
            self.loss.generator(real_scores, found) for found in (rebuilt_scores, drawn_scores)
        ]
        loss_e = error + self.section.kl_weight * divergence
        loss_g = self.section.feature_weight * error + sum(sides) / 2
        return loss_e, loss_g, error, divergence

    def discriminator_loss(self, batch: Minibatch, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return D's loss [] against decoded samples [N, C, R, R] and reconstructions, and [5]."""
        real = self.reals(batch)
        with torch.no_grad():
            rebuilt, _, _ = decoded(self, self.E, batch, real, "codes d")
        every = ((real, "real"), (fake, "fake"), (rebuilt, "rebuilt"))
        real_scores, *scores = (self.scored(batch, *of, None)[0] for of in every)
        loss = sum(self.loss.discriminator(real_scores, found) for found in scores) / 2
        # The penalty is the larger part of a step, so each image has one kind of fake there.
        chosen = batch.drawn(lambda n: rng.uniform((n,), self.key("kinds", batch.seen))) < 0.5
        some = torch.where(chosen.view(-1, 1, 1, 1), rebuilt, fake)
        penalty, norms = self.penalty(batch, real, some, real_scores)
        loss, fake_score = loss + penalty, torch.stack(scores).mean()
        statistics = [loss, real_scores.mean(), fake_score, norms.mean(), torch.zeros_like(loss)]
        return loss, torch.stack([value.detach() for value in statistics])

    def judged(self, batch: Minibatch, images: Tensor, stream: str) -> tuple[Tensor, Tensor]:
        """Return D's features [N, C, 4, 4] and scores [N] of images, as `scored` has them."""
        with self.noise(batch, stream):
            features = self.D.down_to_4x4(images, batch.fade)
            scores: Tensor = self.D.blocks["4"](features)[:, 0]
        return features, scores
