"""What D and G minimise on one minibatch: the losses of scores, gradients and labels together.

Every draw is a function of (seed, stream, images seen).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.gan.layers import downsample, upsample
from pgpipe.gan.losses import gradients, labels
from pgpipe.gan.losses.adversarial import objective
from pgpipe.gan.minibatch import Noise, quiet
from pgpipe.gan.networks import Networks
from pgpipe.gan.train_section import TrainSection
from pgpipe.images import to_float

FIGURES_D = ("loss_d", "score_real", "score_fake", "gradient_norm", "label_loss")
FIGURES = ("loss_g", *FIGURES_D)  # of a step: what history records

TOGETHER = 16  # pixels up to which reals and fakes share a pass: at 32, 0.94 times as fast on a CPU

Scored = tuple[Tensor, Tensor]  # D's scores [N] and label logits [N, classes]


@dataclass(frozen=True)
class Minibatch:
    """What a step reads: reals uint8 [N, R, R, C], and int64 [N] labels if conditional."""

    images: Tensor
    labels: Tensor | None  # of the images
    labels_g: Tensor | None  # for the generator's own step, drawn from the data
    seen: Tensor  # int64 []: images seen before this minibatch, the counter of all draws
    fade: Tensor | None  # float32 [], None in a stable phase
    whole: int = 0  # of a part: images of the minibatch that it is from ...
    rows: Tensor | None = None  # ... and where these samples are there: int64 [N]

    def part(self, rows: Tensor) -> "Minibatch":
        """The samples at `rows`, int64 [n] on their device."""
        if len(rows) == len(self.images):
            return self
        labels, labels_g = (
            None if known is None else known[rows] for known in (self.labels, self.labels_g)
        )
        images, whole = self.images[rows], len(self.images)
        return Minibatch(images, labels, labels_g, self.seen, self.fade, whole, rows)

    def drawn(self, draw: Callable[[int], Tensor]) -> Tensor:
        """What these samples draw: the same, whatever else is in the part."""
        return draw(len(self.images)) if self.rows is None else draw(self.whole)[self.rows]


class Objective:
    """The two losses, as functions of a minibatch, by the section `train`."""

    def __init__(self, networks: Networks, section: TrainSection) -> None:
        self.nets, self.section = networks, section
        self.adversarial = objective(section.loss)
        self.upscale = section.upscale(networks.generator.resolution)
        self.device = next(networks.generator.parameters()).device

    def of_discriminator(self, batch: Minibatch, fake: Tensor) -> tuple[Tensor, Tensor]:
        """D's loss [] against fakes [N, C, R, R], and the figures [5] that `FIGURES_D` names."""
        real = self.reals(batch)
        of_real, of_fake = self.both_scored(batch, real, fake)
        slope, norms = self.slope_loss(batch, real, fake)
        loss = self.adversarial.discriminator(of_real[0], of_fake[0]) + slope
        if self.section.loss == "wgan-gp":
            loss = loss + self.section.drift * gradients.drift(of_real[0])
        label_loss = self.label_loss_d(batch, of_real[1], of_fake[1])
        loss = loss + self.section.label_weight * label_loss
        figures = [loss, of_real[0].mean(), of_fake[0].mean(), norms.mean(), label_loss]
        return loss, torch.stack([figure.detach() for figure in figures])

    def of_generator(self, batch: Minibatch, fake: Tensor, drawn_for: Tensor | None) -> Tensor:
        """G's loss [] on its fakes [N, C, R, R] and the labels [N] that they were drawn for."""
        scores, logits = self.scored(batch, fake, "generator")
        reals = scores
        if self.adversarial.needs_reals:
            reals, _ = self.scored(batch, self.reals(batch), "real")
        loss = self.adversarial.generator(reals, scores)
        if drawn_for is not None:
            loss = loss + self.section.label_weight * self.label_loss_g(logits, drawn_for)
        return loss

    def slope_loss(self, batch: Minibatch, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The loss [] of D's gradients, and their native norms [N]; 0 where no loss asks."""
        section, D = self.section, self.nets.discriminator
        match section.loss:
            case "wgan-gp":
                factors = batch.drawn(lambda n: rng.uniform((n,), self.key("mixing", batch.seen)))
                points = gradients.mixed_images(real, fake.to(real.dtype), factors)
                norms = gradients.gradient_norms(lambda x: D(x, batch.fade)[0], points)
                penalty = gradients.gradient_penalty(norms, section.gradient_target, self.upscale)
                return section.gradient_penalty * penalty, norms
            case "r1":
                return self.zero_centred(batch, real, section.r1_gamma)
            case "relativistic":
                loss, norms = self.zero_centred(batch, real, section.r1_gamma)
                more, _ = self.zero_centred(batch, fake, section.r2_gamma)
                return loss + more, norms
        nothing = torch.zeros((), device=self.device)
        return nothing, nothing

    def zero_centred(self, batch: Minibatch, points: Tensor, gamma: float) -> Scored:
        """R1 or R2 [] with its native norms [N]."""
        D = self.nets.discriminator
        norms = gradients.gradient_norms(lambda x: D(x, batch.fade)[0], points)
        return gradients.zero_centred_penalty(norms, gamma, self.upscale), norms

    def label_loss_d(self, batch: Minibatch, real: Tensor, fake: Tensor) -> Tensor:
        """Of the label logits [N, classes] of reals and fakes; 0 without labels."""
        if batch.labels is None:
            return torch.zeros((), device=self.device)
        if self.section.label_conditioning != "matching":
            of_real = labels.classification(real, batch.labels)
            return of_real + labels.classification(fake, batch.labels)
        key, choices = self.key("wrong", batch.seen), real.shape[1] - 1
        others = batch.drawn(lambda n: rng.integers(choices, (n,), key))
        wrong = (batch.labels + 1 + others) % real.shape[1]
        pairs = (real, batch.labels), (real, wrong), (fake, batch.labels)
        return labels.matching_discriminator(*(labels.match_scores(*pair) for pair in pairs))

    def label_loss_g(self, logits: Tensor, drawn_for: Tensor) -> Tensor:
        """Of fakes' label logits [N, classes] and their labels [N]."""
        if self.section.label_conditioning != "matching":
            return labels.classification(logits, drawn_for)
        return labels.matching_generator(labels.match_scores(logits, drawn_for))

    def both_scored(self, batch: Minibatch, real: Tensor, fake: Tensor) -> tuple[Scored, Scored]:
        """D's verdicts on reals and on fakes, in one pass where each is seen as if alone."""
        D = self.nets.discriminator
        if self.nets.fake_score is not None or not D.joins or D.resolution > TOGETHER:
            return self.scored(batch, real, "real"), self.scored(batch, fake, "fake")
        images = torch.stack([real, fake.to(real.dtype)], dim=1).flatten(0, 1)
        scores, logits = D(images, batch.fade, minibatches=2)
        return (scores[::2], logits[::2]), (scores[1::2], logits[1::2])

    def scored(self, batch: Minibatch, images: Tensor, stream: str) -> Scored:
        """D's verdict on images [N, C, R, R], through noise if the objective has some."""
        noise = quiet
        if self.adversarial.noise and self.nets.fake_score is not None:
            strength = self.adversarial.noise.strength(self.nets.fake_score)
            key = self.key(f"noise {stream}", batch.seen)
            noise = Noise(strength, key, batch.whole, batch.rows)
        scored: Scored = self.nets.discriminator(images, batch.fade, noise)
        return scored

    def fakes(self, batch: Minibatch, stream: str, drawn_for: Tensor | None) -> Tensor:
        """Images [N, C, R, R] of latents of a stream, for labels [N] if conditional."""
        size, key = self.nets.generator.spec.latent_size, self.key(stream, batch.seen)
        latents = batch.drawn(lambda n: rng.normal((n, size), key))
        fakes: Tensor = self.nets.generator(latents, drawn_for, batch.fade)
        return fakes

    def reals(self, batch: Minibatch) -> Tensor:
        """The reals [N, C, R, R] in [-1, 1], mirrored and faded as the step asks."""
        images = to_float(batch.images)
        if self.section.mirror:
            key = self.key("mirror", batch.seen)
            images = mirrored(images, batch.drawn(lambda n: rng.uniform((n,), key)) < 0.5)
        return images if batch.fade is None else faded(images, batch.fade)

    def key(self, stream: str, seen: Tensor) -> Tensor:
        """The random key of one draw of this step."""
        return rng.key(self.section.seed, stream, seen, self.device)


def mirrored(images: Tensor, flip: Tensor) -> Tensor:
    """Images [N, C, R, R], left and right exchanged where `flip` [N] says so."""
    return torch.where(flip.view(-1, 1, 1, 1), images.flip(3), images)


def faded(images: Tensor, fade: Tensor) -> Tensor:
    """Reals as sharp as the fakes of a fade can be: lerp(2x2 averaged, image, fade)."""
    return torch.lerp(upsample(downsample(images)), images, fade)
