"""One training step: a minibatch through D, then a minibatch through G, then the average of G.

Shapes do not change between steps, the fade is a tensor, and every draw is a function of (seed,
stream, images seen), so the step holds no state of its own.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pgpipe import losses, rng
from pgpipe.images import to_float
from pgpipe.nets.layers import downsample, upsample
from pgpipe.training.config import TrainSection
from pgpipe.training.networks import Networks
from pgpipe.training.numerics import autocast

LOSSES = ("loss_d", "loss_g", "score_real", "score_fake", "gradient_norm", "label_loss")


@dataclass(frozen=True)
class Minibatch:
    """What a step reads: reals uint8 [N, R, R, C], and int64 [N] labels if conditional."""

    images: Tensor
    labels: Tensor | None  # of the images
    labels_g: Tensor | None  # for the generator's own step, drawn from the data
    seen: Tensor  # int64 []: images seen before this step, the counter of all draws
    fade: Tensor | None  # float32 [], None in a stable phase


class Step:
    """Trains `networks` on one minibatch a call."""

    def __init__(self, networks: Networks, section: TrainSection) -> None:
        self.nets, self.section = networks, section
        self.upscale = section.upscale(networks.generator.resolution)
        self.device = next(networks.generator.parameters()).device

    def __call__(self, batch: Minibatch) -> Tensor:
        """One D step, one G step, one step of the average; float32 [6] as `LOSSES` names them."""
        with autocast(self.section, self.device):
            d_figures = self.discriminator_step(batch)
            loss_g = self.generator_step(batch)
        self.average_step(len(batch.images))
        return torch.stack([d_figures[0], loss_g, *d_figures[1:]])

    def discriminator_step(self, batch: Minibatch) -> list[Tensor]:
        """Lower D's loss once: loss, mean real and fake scores, mean gradient norm, label loss."""
        section, D = self.section, self.nets.discriminator
        real = self.faded(self.mirrored(to_float(batch.images), batch.seen), batch.fade)
        with torch.no_grad():
            fake = self.nets.generator(
                self.latents(len(real), "latents d", batch.seen), batch.labels, batch.fade
            )
        real_scores, real_logits = D(real, batch.fade)
        fake_scores, fake_logits = D(fake, batch.fade)
        factors = rng.uniform((len(real),), self.key("mixing", batch.seen))
        mixed = losses.mixed_images(real, fake.to(real.dtype), factors)
        norms = losses.gradient_norms(lambda x: D(x, batch.fade)[0], mixed)
        penalty = losses.gradient_penalty(norms, section.gradient_target, self.upscale)
        loss = (
            losses.wasserstein_discriminator(real_scores, fake_scores)
            + section.gradient_penalty * penalty
            + section.drift * losses.drift(real_scores)
        )
        of_labels = torch.zeros((), device=self.device)
        if batch.labels is not None:
            of_labels = losses.label_loss(real_logits, batch.labels)
            of_labels = of_labels + losses.label_loss(fake_logits, batch.labels)
            loss = loss + section.label_weight * of_labels
        self.nets.adam_d.zero_grad()
        loss.backward()
        self.nets.adam_d.step()
        figures = [loss, real_scores.mean(), fake_scores.mean(), norms.mean(), of_labels]
        return [figure.detach() for figure in figures]

    def generator_step(self, batch: Minibatch) -> Tensor:
        """Lower G's loss once."""
        z = self.latents(len(batch.images), "latents g", batch.seen)
        fake = self.nets.generator(z, batch.labels_g, batch.fade)
        self.nets.discriminator.requires_grad_(False)
        scores, logits = self.nets.discriminator(fake, batch.fade)
        loss = losses.wasserstein_generator(scores)
        if batch.labels_g is not None:
            loss = loss + self.section.label_weight * losses.label_loss(logits, batch.labels_g)
        self.nets.adam_g.zero_grad()
        loss.backward()
        self.nets.discriminator.requires_grad_(True)
        self.nets.adam_g.step()
        return loss.detach()

    def average_step(self, images: int) -> None:
        """Move the averaged generator towards the generator (section 2 of the appendix A.1)."""
        average: list[Tensor] = list(self.nets.average.parameters())
        current = [p.detach() for p in self.nets.generator.parameters()]
        torch._foreach_lerp_(average, current, 1 - self.section.ema_decay(images))

    def latents(self, count: int, stream: str, seen: Tensor) -> Tensor:
        """[count, latent_size] from N(0, I)."""
        return rng.normal((count, self.nets.generator.spec.latent_size), self.key(stream, seen))

    def key(self, stream: str, seen: Tensor) -> Tensor:
        """The random key of one draw of this step."""
        return rng.key(self.section.seed, stream, seen, self.device)

    def mirrored(self, images: Tensor, seen: Tensor) -> Tensor:
        """Flip each image left to right with probability one half, if asked for."""
        if not self.section.mirror:
            return images
        flip = rng.uniform((len(images), 1, 1, 1), self.key("mirror", seen)) < 0.5
        return torch.where(flip, images.flip(3), images)

    def faded(self, images: Tensor, fade: Tensor | None) -> Tensor:
        """Reals as sharp as the fakes of a fade can be: lerp(2x2 averaged, image, fade)."""
        if fade is None:
            return images
        return torch.lerp(upsample(downsample(images)), images, fade)
