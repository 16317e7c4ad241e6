"""One training step of a GAN (Karras et al. 2018, section 2 and appendix A.1).

D is updated on reals and fakes, once or several times; then G on fakes of its own; then the
exponential moving average (EMA) of G's weights follows.

N images of C channels, R x R pixels. Every draw is a function of (seed, stream, images seen),
shapes do not change between steps, and the fade is a tensor: a step holds no state of its own, and
can be recorded as a CUDA graph.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pgpipe import rng
from pgpipe.gan import latents, micro_batches
from pgpipe.gan.config import TrainSection
from pgpipe.gan.layers import downsample, kernels_kept, upsample
from pgpipe.gan.losses import labels
from pgpipe.gan.losses.loss import Seen, load
from pgpipe.gan.minibatch import Noise, noise_before
from pgpipe.gan.networks import Networks
from pgpipe.gan.systems import STATISTICS
from pgpipe.images import to_float
from pgpipe.plumbing.processes.group import ALONE, Processes

SCORE_FAKE = STATISTICS.index("score_fake") - len(STATISTICS)  # from the end, which all GANs share

Scored = tuple[Tensor, Tensor]  # D's scores [N] and label logits [N, classes]


@dataclass(frozen=True)
class Minibatch:
    """What a step reads: reals uint8 [N, R, R, C], and int64 [N] labels if conditional."""

    images: Tensor
    labels: Tensor | None  # of the images
    labels_g: Tensor | None  # for the generator's own update, drawn from the data
    seen: Tensor  # int64 []: images seen before this minibatch, the counter of all draws
    fade: Tensor | None  # float32 [], None in a stable phase
    codes: Tensor | None = None  # what labels stand for, if captions: their vectors [K, 256]
    whole: int = 0  # of a micro-batch: images of the minibatch that it is from ...
    rows: Tensor | None = None  # ... and where these samples are there: int64 [N]

    def part(self, rows: Tensor) -> "Minibatch":
        """Return the samples at `rows`, int64 [n] on their device, as a micro-batch."""
        if len(rows) == len(self.images):
            return self
        labels, labels_g = (
            None if known is None else known[rows] for known in (self.labels, self.labels_g)
        )
        images, whole = self.images[rows], len(self.images)
        return Minibatch(images, labels, labels_g, self.seen, self.fade, self.codes, whole, rows)

    def condition(self, labels: Tensor) -> Tensor:
        """Return labels [N] as the networks take them: as they are, or captions' vectors."""
        return labels if self.codes is None else self.codes[labels]

    def drawn(self, draw: Callable[[int], Tensor]) -> Tensor:
        """Return what these samples draw: the same, whatever else is in the micro-batch."""
        return draw(len(self.images)) if self.rows is None else draw(self.whole)[self.rows]


class BaseStep:
    """Trains the networks by one step per call: what the steps of all systems have in common."""

    def __init__(
        self, networks: Networks, section: TrainSection, processes: Processes = ALONE
    ) -> None:
        self.networks, self.section, self.processes = networks, section, processes
        self.G = networks.generator
        self.device = next(self.G.parameters()).device
        self.rows: dict[int, list[Tensor]] = {}  # of the micro-batches of so many images

    def __call__(self, batches: Sequence[Minibatch]) -> Tensor:
        """Update the networks and the averages; return the system's statistics, float32."""
        raise NotImplementedError

    def reals(self, batch: Minibatch) -> Tensor:
        """Return the reals [N, C, R, R] in [-1, 1], mirrored and faded as the step asks."""
        images = to_float(batch.images)
        if self.section.mirror:
            key = self.key("mirror", batch.seen)
            images = mirrored(images, batch.drawn(lambda n: rng.uniform((n,), key)) < 0.5)
        return images if batch.fade is None else faded(images, batch.fade)

    def latents(self, batch: Minibatch, stream: str) -> Tensor:
        """Return latents [N, latent_size] of a stream."""
        key = self.key(stream, batch.seen)
        return batch.drawn(lambda n: latents.draw(self.G.spec, n, key))

    def micro_batches(self, batch: Minibatch) -> list[Minibatch]:
        """Return what this process sees of a minibatch, divided as its memory asks."""
        spec, N, group = self.G.spec, len(batch.images), self.processes
        if N not in self.rows:
            rows = micro_batches.rows(spec, self.section, N, group.count, group.rank)
            self.rows[N] = [torch.tensor(some, device=self.device) for some in rows]
        return [batch.part(rows) for rows in self.rows[N]]

    def key(self, stream: str, seen: Tensor) -> Tensor:
        """Return the random key of one draw of this step."""
        return rng.key(self.section.seed, stream, seen, self.device)


class Step(BaseStep):
    """Trains D and G."""

    def __init__(
        self, networks: Networks, section: TrainSection, processes: Processes = ALONE
    ) -> None:
        super().__init__(networks, section, processes)
        self.D, self.form = networks.discriminator, self.G.spec.conditioning
        self.loss = load(section.loss)
        self.upscale = section.upscale(self.G.resolution)

    def __call__(self, batches: Sequence[Minibatch]) -> Tensor:
        """Update D on each minibatch, G once, and the EMA; return float32 [6], `STATISTICS`."""
        if self.section.updates == "simultaneous":
            statistics = self.update_both(batches[-1])
        else:
            of_d = torch.stack([self.update_discriminator(batch) for batch in batches])
            of_g = self.update_generator(batches[-1])
            statistics = torch.cat([of_g.view(-1), of_d.mean(dim=0)])
        if self.loss.noise and (running := self.networks.fake_score) is not None:
            running.copy_(self.loss.noise.running_score(running, statistics[SCORE_FAKE]))
        images = sum(len(batch.images) for batch in batches)
        self.networks.update_averages(self.section.ema_decay(images))
        return statistics

    def update_discriminator(self, batch: Minibatch) -> Tensor:
        """Lower D's loss once; return its statistics [5]."""
        adam = self.networks.optimisers["discriminator"]
        adam.zero_grad()
        micro, found = self.micro_batches(batch), []
        for part in micro:
            with autocast(self.section, self.device):
                with torch.no_grad():
                    fake = self.fakes(part, "latents d", part.labels)
                with kernels_kept(self.D):  # for reals, fakes and the penalty's images
                    loss, statistics = self.discriminator_loss(part, fake)
            (loss / len(micro)).backward()
            found.append(statistics)
        mean = torch.stack(found).mean(dim=0)
        self.processes.mean_([*adam.gradients(), mean])
        adam.step()
        return mean

    def update_generator(self, batch: Minibatch) -> Tensor:
        """Lower G's loss once; return it []."""
        adam = self.networks.optimisers["generator"]
        adam.zero_grad()
        micro, found = self.micro_batches(batch), []
        for part in micro:
            with autocast(self.section, self.device), weights_fixed(self.D):
                fake = self.fakes(part, "latents g", part.labels_g)
                loss = self.generator_loss(part, fake, part.labels_g)
            (loss / len(micro)).backward()
            found.append(loss.detach())
        mean = torch.stack(found).mean(dim=0)
        self.processes.mean_([*adam.gradients(), mean])
        adam.step()
        return mean

    def update_both(self, batch: Minibatch) -> Tensor:
        """Lower both losses on the same fakes, before either network moves; return all [6].

        Neither loss has a gradient that reaches the other's network, so their sum has both.
        """
        adam_g, adam_d = (self.networks.optimisers[name] for name in ("generator", "discriminator"))
        adam_g.zero_grad()
        adam_d.zero_grad()
        micro, found = self.micro_batches(batch), []
        for part in micro:
            with autocast(self.section, self.device):
                fake = self.fakes(part, "latents d", part.labels)
                with weights_fixed(self.D):
                    loss_g = self.generator_loss(part, fake, part.labels)
                with kernels_kept(self.D):
                    loss_d, statistics = self.discriminator_loss(part, fake.detach())
            ((loss_g + loss_d) / len(micro)).backward()
            found.append(torch.cat([loss_g.detach()[None], statistics]))
        mean = torch.stack(found).mean(dim=0)
        self.processes.mean_([*adam_d.gradients(), *adam_g.gradients(), mean])
        adam_d.step()
        adam_g.step()
        return mean

    # The two losses

    def discriminator_loss(self, batch: Minibatch, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return D's loss [] against fakes [N, C, R, R], and its statistics [5]."""
        real = self.reals(batch)
        real_scores, real_logits = self.scored(batch, real, "real", batch.labels)
        fake_scores, fake_logits = self.scored(batch, fake, "fake", batch.labels)
        loss = self.loss.discriminator(real_scores, fake_scores)
        penalty, norms = self.penalty(batch, real, fake, real_scores)
        loss, label_loss = loss + penalty, torch.zeros((), device=self.device)
        if batch.labels is not None:
            logits = real_logits, fake_logits
            label_loss = self.label_loss_d(batch, batch.labels, real, logits)
            loss = loss + self.section.label_weight * label_loss
        statistics = [loss, real_scores.mean(), fake_scores.mean(), norms.mean(), label_loss]
        return loss, torch.stack([value.detach() for value in statistics])

    def penalty(
        self, batch: Minibatch, real: Tensor, fake: Tensor, real_scores: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the loss's penalty of D's gradients, and their norms [N]: zeros without one."""
        if not self.loss.penalty:
            nothing = torch.zeros((), device=self.device)
            return nothing, nothing
        seen = Seen(
            score=lambda images: self.verdict(batch, images, batch.labels)[0],
            real=real,
            fake=fake,
            real_scores=real_scores,
            uniform=lambda: batch.drawn(
                lambda n: rng.uniform((n,), self.key("mixing", batch.seen))
            ),
            upscale=self.upscale,
        )
        return self.loss.penalty(seen, self.section)

    def generator_loss(self, batch: Minibatch, fake: Tensor, drawn_for: Tensor | None) -> Tensor:
        """Return G's loss [] on fakes [N, C, R, R] and the labels [N] that they were drawn for."""
        fake_scores, fake_logits = self.scored(batch, fake, "generator", drawn_for)
        real_scores = fake_scores
        if self.loss.needs_reals:
            real_scores, _ = self.scored(batch, self.reals(batch), "real", batch.labels)
        loss = self.loss.generator(real_scores, fake_scores)
        if drawn_for is not None:
            label_loss = self.label_loss_g(batch, fake_logits, drawn_for)
            loss = loss + self.section.label_weight * label_loss
        return loss

    def label_loss_d(
        self, batch: Minibatch, wanted: Tensor, real: Tensor, logits: Scored
    ) -> Tensor:
        """Return what D lacks for the labels [N] of the reals [N, C, R, R] beside its game: [].

        Args:
            batch: the minibatch.
            wanted: the labels of the reals, which the fakes were drawn for, too.
            real: the reals.
            logits: D's label logits [N, classes] of reals and of fakes.
        """
        of_real, of_fake = logits
        match self.form:
            case "acgan":
                told = labels.classification(of_real, wanted)
                return told + labels.classification(of_fake, wanted)
            case "matching":
                right, wrong = batch.condition(wanted), batch.condition(self.wrong(batch, wanted))
                pairs = (of_real, right), (of_real, wrong), (of_fake, right)
                scores = (labels.match_scores(*pair) for pair in pairs)
                return labels.matching_discriminator(*scores)
            case "joint":
                assert self.loss.mismatched is not None
                mismatched, _ = self.scored(batch, real, "real", self.wrong(batch, wanted))
                return self.loss.mismatched(mismatched)
        return torch.zeros((), device=self.device)  # of a projection all is in the score

    def label_loss_g(self, batch: Minibatch, fake_logits: Tensor, wanted: Tensor) -> Tensor:
        """Return what the label logits of fakes [N, classes] lack for their labels [N]: []."""
        match self.form:
            case "acgan":
                return labels.classification(fake_logits, wanted)
            case "matching":
                right = batch.condition(wanted)
                return labels.matching_generator(labels.match_scores(fake_logits, right))
        return torch.zeros((), device=self.device)  # the score has it

    def wrong(self, batch: Minibatch, wanted: Tensor) -> Tensor:
        """Return a label for each of [N] that is any but its own."""
        key = self.key("wrong", batch.seen)
        classes = self.G.spec.classes if batch.codes is None else len(batch.codes)
        others = batch.drawn(lambda n: rng.integers(classes - 1, (n,), key))
        return (wanted + 1 + others) % classes

    # What goes in

    def fakes(self, batch: Minibatch, stream: str, drawn_for: Tensor | None) -> Tensor:
        """Return images [N, C, R, R] of latents of a stream, for labels [N] if conditional."""
        given = None if drawn_for is None else batch.condition(drawn_for)
        fakes: Tensor = self.G(self.latents(batch, stream), given, batch.fade)
        return fakes

    def scored(
        self, batch: Minibatch, images: Tensor, stream: str, fitting: Tensor | None = None
    ) -> Scored:
        """Return D's verdict on images [N, C, R, R] that should fit labels [N], if conditional.

        It is through noise if the loss has some.
        """
        dropping: AbstractContextManager[None] = nullcontext()
        if self.D.drops:
            dropping = self.D.dropout(self.key(f"dropout {stream}", batch.seen), batch.drawn)
        with self.noise(batch, stream), dropping:
            return self.verdict(batch, images, fitting)

    def verdict(self, batch: Minibatch, images: Tensor, fitting: Tensor | None) -> Scored:
        """Return D's verdict on images [N, C, R, R] that should fit labels [N], without noise."""
        given = None if fitting is None else batch.condition(fitting)
        scored: Scored = self.D(images, batch.fade, given)
        return scored

    def noise(self, batch: Minibatch, stream: str) -> AbstractContextManager[None]:
        """Put noise of a stream before D's layers while a block runs, if the loss has some."""
        if not self.loss.noise or self.networks.fake_score is None:
            return nullcontext()
        strength = self.loss.noise.strength(self.networks.fake_score)
        key = self.key(f"noise {stream}", batch.seen)
        return noise_before(self.D.noisy(), Noise(strength, key, batch.whole, batch.rows))


def autocast(section: TrainSection, device: torch.device) -> AbstractContextManager[object]:
    """Compute in bfloat16 what torch deems safe, if the section asks for it."""
    assert section.precision != "auto", "a run settles it; see training.auto"
    if section.precision != "bf16":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


@contextmanager
def weights_fixed(net: nn.Module) -> Iterator[None]:
    """Compute no gradients of a network's weights while the block runs."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


def mirrored(images: Tensor, flip: Tensor) -> Tensor:
    """Exchange left and right of images [N, C, R, R] where `flip` [N] says so."""
    return torch.where(flip.view(-1, 1, 1, 1), images.flip(3), images)


def faded(images: Tensor, fade: Tensor) -> Tensor:
    """Make reals as sharp as the fakes of a fade can be: lerp(2x2 averaged, image, fade)."""
    return torch.lerp(upsample(downsample(images)), images, fade)
