"""The paper's step written out once more from its formulas; G, D and Adam are torch's.

Sources: Karras et al. 2018, section 2 and appendices A and B; Goodfellow et al. 2014; Lim and Ye
2017; Mescheder et al. 2018; Huang et al. 2024; Odena et al. 2017; Reed et al. 2016; Miyato and
Koyama 2018.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, nll_loss

from pgpipe import rng
from pgpipe.gan.config import TrainSection
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.minibatch import noise_before
from pgpipe.gan.networks import Networks
from pgpipe.gan.step import Minibatch


class Descent(torch.optim.Optimizer):
    """Plain steps against the gradient (Goodfellow et al. 2014, algorithm 1)."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move all parameters that have a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p -= group["rate"] * p.grad


def uniform(shape: tuple[int, ...], key: Tensor) -> Tensor:
    """On [-1, 1]."""
    return torch.lerp(torch.tensor(-1.0), torch.tensor(1.0), rng.uniform(shape, key))


class Twin:
    """Trains copies of the networks that it is given."""

    def __init__(self, networks: Networks, train: TrainSection) -> None:
        self.train = train
        self.G, self.D, self.average = (
            copy.deepcopy(net)
            for net in (networks.generator, networks.discriminator, networks.average)
        )
        settings: dict[str, Any] = {
            "lr": train.learning_rate,
            "betas": (train.adam_beta1, train.adam_beta2),
            "eps": train.adam_epsilon,
            "foreach": False,
            "fused": False,
        }
        nets = self.G, self.D
        self.adam_g, self.adam_d = (
            torch.optim.Adam(net.parameters(), **settings)
            if train.optimiser == "adam"
            else Descent(net.parameters(), {"rate": train.learning_rate})
            for net in nets
        )
        self.running = float(networks.fake_score) if networks.fake_score is not None else 0.0

    def key(self, stream: str, batch: Minibatch) -> Tensor:
        return rng.key(self.train.seed, stream, int(batch.seen))

    def reals(self, batch: Minibatch) -> Tensor:
        real = batch.images.permute(0, 3, 1, 2).to(torch.get_default_dtype()) / 127.5 - 1
        if self.train.mirror:
            chance = rng.uniform((len(real),), self.key("mirror", batch))
            turned = [x.flip(2) if c < 0.5 else x for x, c in zip(real, chance, strict=True)]
            real = torch.stack(turned)
        if batch.fade is not None:
            coarse = (real[..., ::2] + real[..., 1::2]) / 2
            coarse = (coarse[..., ::2, :] + coarse[..., 1::2, :]) / 2
            coarse = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
            real = coarse + batch.fade * (real - coarse)
        return real

    def fakes(self, batch: Minibatch, stream: str, labels: Tensor | None) -> Tensor:
        shape = (len(batch.images), self.G.spec.latent_size)
        key = self.key(stream, batch)
        z = rng.normal(shape, key) if self.G.spec.latents == "normal" else uniform(shape, key)
        images: Tensor = self.G(z, labels, batch.fade)
        return images

    def noise(self, batch: Minibatch, stream: str) -> Callable[[Tensor], Tensor]:
        """Appendix B: 0.2 max(0, d - 0.5)^2, for least squares alone."""
        state = self.key(f"noise {stream}", batch)
        strength = 0.2 * max(0.0, self.running - 0.5) ** 2 if self.train.loss == "lsgan" else 0.0

        def noisy(x: Tensor) -> Tensor:
            nonlocal state
            state = rng.mix(state)
            factors = 1 + strength * x.shape[1] ** 0.5 * rng.normal(tuple(x.shape[:2]), state)
            noised: Tensor = x * factors[:, :, None, None]
            return noised

        return noisy

    def judged(
        self, images: Tensor, fade: Tensor | None, labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Scores [N] of images, of a projection and a joint score with their labels; and logits."""
        D = cast("Discriminator", getattr(self.D, "stage", self.D))  # of a stack: the only stage
        if self.train.label_conditioning == "joint":
            scores, logits = D(images, fade, labels)
            return scores, logits
        out = D.blocks["4"](D.down_to_4x4(images, fade))
        scores = out[:, 0]
        if self.train.label_conditioning == "projection":
            assert labels is not None
            scores = torch.stack([row[0] + row[1 + y] for row, y in zip(out, labels, strict=True)])
        return scores, out[:, 1:]

    def scored(
        self, batch: Minibatch, images: Tensor, stream: str, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        if self.D.spec.name == "mlp":
            return self.with_dropout(batch, images, stream)
        with noise_before(cast("Discriminator", self.D).noisy(), self.noise(batch, stream)):
            return self.judged(images, batch.fade, labels)

    def with_dropout(self, batch: Minibatch, images: Tensor, stream: str) -> tuple[Tensor, Tensor]:
        """D of 2014 by its weights: a fifth of the pixels, a half of the features dropped."""
        named = dict(self.D.named_parameters())
        x, key = images.flatten(1), self.key(f"dropout {stream}", batch)
        for number, (name, kept) in enumerate({"first": 0.8, "second": 0.5, "score": 0.5}.items()):
            chance = rng.uniform(tuple(x.shape), rng.mix(key + number))
            x = torch.where(chance < 1 - kept, 0.0, x / kept)
            x = x @ named[f"blocks.4.{name}.weight"].T + named[f"blocks.4.{name}.bias"]
            if name != "score":
                x = torch.stack([x[:, piece::5] for piece in range(5)]).amax(dim=0)
        return x[:, 0], x[:, 1:]

    def norms(self, images: Tensor, batch: Minibatch) -> Tensor:
        """Of D's gradient over native pixels: [N]."""
        images = images.detach().requires_grad_()
        scores, _ = self.judged(images, batch.fade, batch.labels)
        (slope,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
        norms: Tensor = slope.flatten(1).norm(dim=1)
        return norms

    def adversarial(self, real: Tensor, fake: Tensor) -> Tensor:
        match self.train.loss:
            case "wgan-gp":
                return fake.mean() - real.mean()
            case "lsgan":
                return (real**2).mean() + 0.1 * ((fake - 1) ** 2).mean()
            case "hinge":
                return (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()
            case "relativistic":
                return -logsigmoid(real - fake).mean()
            case "minimax" | "non-saturating" | "r1":
                return -logsigmoid(real).mean() - logsigmoid(-fake).mean()
        raise NotImplementedError(f"{self.train.loss}: not written out here")

    def adversarial_g(self, real: Tensor, fake: Tensor) -> Tensor:
        match self.train.loss:
            case "wgan-gp" | "hinge":
                return -fake.mean()
            case "minimax":
                return logsigmoid(-fake).mean()
            case "lsgan":
                return (fake**2).mean()
            case "relativistic":
                return -logsigmoid(fake - real).mean()
            case "non-saturating" | "r1":
                return -logsigmoid(fake).mean()
        raise NotImplementedError(f"{self.train.loss}: not written out here")

    def slope(self, batch: Minibatch, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The penalty of D's gradients, and the mean native norm."""
        train = self.train
        k = train.full_resolution / self.D.resolution if train.gradient_at == "full" else 1
        if train.loss == "wgan-gp":
            factor = rng.uniform((len(real),), self.key("mixing", batch))[:, None, None, None]
            norms = self.norms((1 - factor) * real + factor * fake, batch)
            relative = (norms / k - train.gradient_target) / train.gradient_target
            return train.gradient_penalty * (relative**2).mean(), norms.mean()
        if train.loss not in ("r1", "relativistic"):
            return torch.zeros(()), torch.zeros(())
        norms = self.norms(real, batch)
        penalty = train.r1_gamma / 2 * ((norms / k) ** 2).mean()
        if train.loss == "relativistic":
            at_fakes = self.norms(fake, batch)
            penalty = penalty + train.r2_gamma / 2 * ((at_fakes / k) ** 2).mean()
        return penalty, norms.mean()

    def label_loss(self, batch: Minibatch, real: Tensor, fake: Tensor) -> Tensor:
        """Of D, from the label logits [N, classes]."""
        labels = batch.labels
        if labels is None or self.train.label_conditioning == "projection":
            return torch.zeros(())
        if self.train.label_conditioning == "joint":
            reals = self.reals(batch)
            mismatched, _ = self.judged(reals, batch.fade, self.wrong(batch, labels))
            return -logsigmoid(-mismatched).mean()
        if self.train.label_conditioning == "acgan":
            logs = real.log_softmax(1), fake.log_softmax(1)
            return nll_loss(logs[0], labels) + nll_loss(logs[1], labels)
        rows, wrong = torch.arange(len(labels)), self.wrong(batch, labels)
        right, other = logsigmoid(real[rows, labels]), logsigmoid(-real[rows, wrong])
        return -(right + (other + logsigmoid(-fake[rows, labels])) / 2).mean()

    def wrong(self, batch: Minibatch, labels: Tensor) -> Tensor:
        classes = self.G.spec.classes
        ahead = 1 + rng.integers(classes - 1, (len(labels),), self.key("wrong", batch))
        return (labels + ahead) % classes

    def label_loss_g(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.train.label_conditioning in ("projection", "joint"):
            return torch.zeros(())
        if self.train.label_conditioning == "acgan":
            return nll_loss(logits.log_softmax(1), labels)
        return -logsigmoid(logits[torch.arange(len(labels)), labels]).mean()

    def of_discriminator(self, batch: Minibatch, fake: Tensor) -> list[Tensor]:
        """Loss, mean scores of reals and fakes, mean norm, loss of the labels."""
        real = self.reals(batch)
        real_scores, real_logits = self.scored(batch, real, "real", batch.labels)
        fake_scores, fake_logits = self.scored(batch, fake, "fake", batch.labels)
        penalty, norm = self.slope(batch, real, fake)
        loss = self.adversarial(real_scores, fake_scores) + penalty
        if self.train.loss == "wgan-gp":
            loss = loss + self.train.drift * (real_scores**2).mean()
        of_labels = self.label_loss(batch, real_logits, fake_logits)
        loss = loss + self.train.label_weight * of_labels
        return [loss, real_scores.mean(), fake_scores.mean(), norm, of_labels]

    def of_generator(self, batch: Minibatch, fake: Tensor, labels: Tensor | None) -> Tensor:
        real, _ = self.scored(batch, self.reals(batch), "real", batch.labels)
        scores, logits = self.scored(batch, fake, "generator", labels)
        loss = self.adversarial_g(real, scores)
        if labels is not None:
            loss = loss + self.train.label_weight * self.label_loss_g(logits, labels)
        return loss

    def alternating(self, batches: Sequence[Minibatch]) -> tuple[Tensor, list[list[Tensor]]]:
        every = []
        for batch in batches:
            every.append(
                self.of_discriminator(batch, self.fakes(batch, "latents d", batch.labels).detach())
            )
            self.adam_d.zero_grad()
            every[-1][0].backward()
            self.adam_d.step()
        last = batches[-1]
        fake = self.fakes(last, "latents g", last.labels_g)
        loss_g = self.of_generator(last, fake, last.labels_g)
        self.adam_g.zero_grad()
        loss_g.backward()
        self.adam_g.step()
        return loss_g, every

    def simultaneous(self, batch: Minibatch) -> tuple[Tensor, list[list[Tensor]]]:
        fake = self.fakes(batch, "latents d", batch.labels)
        figures = self.of_discriminator(batch, fake.detach())
        loss_g = self.of_generator(batch, fake, batch.labels)
        sides = (self.D, figures[0]), (self.G, loss_g)
        slopes = [
            torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)
            for net, loss in sides
        ]
        for (net, _), found in zip(sides, slopes, strict=True):
            for parameter, slope in zip(net.parameters(), found, strict=True):
                parameter.grad = slope
        self.adam_d.step()
        self.adam_g.step()
        return loss_g, [figures]

    def __call__(self, batches: Sequence[Minibatch]) -> list[float]:
        """G's loss, then D's five figures as means over its steps."""
        if self.train.updates == "simultaneous":
            loss_g, every = self.simultaneous(batches[0])
        else:
            loss_g, every = self.alternating(batches)
        means = [sum(x.item() for x in column) / len(every) for column in zip(*every, strict=True)]
        self.running = 0.9 * self.running + 0.1 * min(1.0, max(0.0, means[2]))
        images = sum(len(batch.images) for batch in batches)
        decay = 0.5 ** (images / (1000 * self.train.ema_half_life_kimg))
        for mean, new in zip(self.average.parameters(), self.G.parameters(), strict=True):
            mean.data = decay * mean.data + (1 - decay) * new.data
        return [loss_g.item(), *means]
