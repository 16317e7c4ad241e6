"""One training step: minibatches through D, one through G, then the average of G.

Shapes do not change between steps, the fade is a tensor, and every draw is a function of (seed,
stream, images seen), so the step holds no state of its own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from pgpipe.losses.adversarial import running_fake_score
from pgpipe.training.config import TrainSection
from pgpipe.training.networks import Networks
from pgpipe.training.numerics import autocast
from pgpipe.training.objective import FIGURES_D, Minibatch, Objective

SCORE_FAKE = FIGURES_D.index("score_fake")


class Step:
    """Trains `networks` on a minibatch, or several for each step of G, a call."""

    def __init__(self, networks: Networks, section: TrainSection) -> None:
        self.nets, self.section = networks, section
        self.objective = Objective(networks, section)

    def __call__(self, batches: Sequence[Minibatch]) -> Tensor:
        """A D step a minibatch, one G step, one step of the average; float32 [6] as `FIGURES`."""
        last = batches[-1]
        with autocast(self.section, self.objective.device):
            if self.section.updates == "simultaneous":
                loss_g, figures = self.both_at_once(last)
            else:
                figures = torch.stack([self.discriminator_step(b) for b in batches]).mean(dim=0)
                loss_g = self.generator_step(last)
        if self.nets.fake_score is not None:
            self.nets.fake_score = running_fake_score(self.nets.fake_score, figures[SCORE_FAKE])
        self.average_step(sum(len(batch.images) for batch in batches))
        return torch.cat([loss_g[None], figures])

    def discriminator_step(self, batch: Minibatch) -> Tensor:
        """Lower D's loss once; its figures [5]."""
        with torch.no_grad():
            fake = self.objective.fakes(batch, "latents d", batch.labels)
        loss, figures = self.objective.of_discriminator(batch, fake)
        descend((self.nets.adam_d, loss))
        return figures

    def generator_step(self, batch: Minibatch) -> Tensor:
        """Lower G's loss once; the loss []."""
        fake = self.objective.fakes(batch, "latents g", batch.labels_g)
        loss = self.loss_g(batch, fake, batch.labels_g)
        descend((self.nets.adam_g, loss))
        return loss.detach()

    def both_at_once(self, batch: Minibatch) -> tuple[Tensor, Tensor]:
        """Lower both losses once, both taken before either network moves, on the same fakes."""
        fake = self.objective.fakes(batch, "latents d", batch.labels)
        loss_g = self.loss_g(batch, fake, batch.labels)
        loss_d, figures = self.objective.of_discriminator(batch, fake.detach())
        descend((self.nets.adam_d, loss_d), (self.nets.adam_g, loss_g))
        return loss_g.detach(), figures

    def loss_g(self, batch: Minibatch, fake: Tensor, drawn_for: Tensor | None) -> Tensor:
        """G's loss [], whose gradient stops before D's weights."""
        D = self.nets.discriminator.requires_grad_(False)
        loss = self.objective.of_generator(batch, fake, drawn_for)
        D.requires_grad_(True)
        return loss

    def average_step(self, images: int) -> None:
        """Move the averaged generator towards the generator (section 2 of the appendix A.1)."""
        average: list[Tensor] = list(self.nets.average.parameters())
        current = [p.detach() for p in self.nets.generator.parameters()]
        torch._foreach_lerp_(average, current, 1 - self.section.ema_decay(images))


def descend(*pairs: tuple[Optimizer, Tensor]) -> None:
    """One step down the gradient of each loss, all gradients taken before the first step."""
    for optimiser, loss in pairs:
        optimiser.zero_grad()
        loss.backward()
    for optimiser, _ in pairs:
        optimiser.step()
