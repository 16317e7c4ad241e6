"""One training step: minibatches through D, one through G, then the average of G.

Shapes do not change between steps, the fade is a tensor, and every draw is a function of (seed,
stream, images seen), so the step holds no state of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pgpipe.gan import parts
from pgpipe.gan.networks import Networks
from pgpipe.gan.objective import FIGURES, Minibatch, Objective
from pgpipe.gan.train_section import TrainSection
from pgpipe.plumbing.processes.group import ALONE, Processes

SCORE_FAKE = FIGURES.index("score_fake")

Loss = tuple[Tensor, Tensor]  # to be lowered, and figures to be recorded


class Step:
    """Trains `networks` on a minibatch, or several for each step of G, a call."""

    def __init__(
        self, networks: Networks, section: TrainSection, processes: Processes = ALONE
    ) -> None:
        self.nets, self.section, self.processes = networks, section, processes
        self.objective = Objective(networks, section)
        self.rows: dict[int, list[Tensor]] = {}  # of the parts of a minibatch of so many images

    def __call__(self, batches: Sequence[Minibatch]) -> Tensor:
        """A D step a minibatch, one G step, one step of the average; float32 [6] as `FIGURES`."""
        last = batches[-1]
        if self.section.updates == "simultaneous":
            figures = self.both_at_once(last)
        else:
            of_d = torch.stack([self.discriminator_step(batch) for batch in batches]).mean(dim=0)
            figures = torch.cat([self.generator_step(last)[None], of_d])
        noise, running = self.objective.adversarial.noise, self.nets.fake_score
        if noise and running is not None:
            running.copy_(noise.running_score(running, figures[SCORE_FAKE]))
        self.average_step(sum(len(batch.images) for batch in batches))
        return figures

    def discriminator_step(self, batch: Minibatch) -> Tensor:
        """Lower D's loss once; its figures [5]."""
        return self.descend(batch, self.discriminator_loss, self.nets.adam_d)

    def generator_step(self, batch: Minibatch) -> Tensor:
        """Lower G's loss once; the loss []."""
        return self.descend(batch, self.generator_loss, self.nets.adam_g)

    def both_at_once(self, batch: Minibatch) -> Tensor:
        """Lower both losses once, both taken before either network moves; all figures [6]."""
        return self.descend(batch, self.both_losses, self.nets.adam_d, self.nets.adam_g)

    def descend(
        self, batch: Minibatch, loss_of: Callable[[Minibatch], Loss], *optimisers: Optimizer
    ) -> Tensor:
        """One step down the mean gradient of the minibatch's parts; the mean of their figures."""
        for optimiser in optimisers:
            optimiser.zero_grad()
        divided, found = self.divided(batch), []
        for part in divided:
            with autocast(self.section, self.objective.device):
                loss, figures = loss_of(part)
            (loss / len(divided)).backward()
            found.append(figures)
        mean = torch.stack(found).mean(dim=0)
        self.processes.mean_([*gradients(optimisers), mean])
        for optimiser in optimisers:
            optimiser.step()
        return mean

    def divided(self, batch: Minibatch) -> list[Minibatch]:
        """What this process sees of a minibatch, divided as its memory asks."""
        spec, N, group = self.nets.generator.spec, len(batch.images), self.processes
        if N not in self.rows:
            rows = parts.rows(spec, self.section, N, group.count, group.rank)
            self.rows[N] = [torch.tensor(some, device=self.objective.device) for some in rows]
        return [batch.part(rows) for rows in self.rows[N]]

    def discriminator_loss(self, batch: Minibatch) -> Loss:
        """D's loss [] against fakes for the labels of the reals, and its figures [5]."""
        with torch.no_grad():
            fake = self.objective.fakes(batch, "latents d", batch.labels)
        return self.objective.of_discriminator(batch, fake)

    def generator_loss(self, batch: Minibatch) -> Loss:
        """G's loss [], for labels of its own, twice."""
        fake = self.objective.fakes(batch, "latents g", batch.labels_g)
        loss = self.loss_g(batch, fake, batch.labels_g)
        return loss, loss.detach()

    def both_losses(self, batch: Minibatch) -> Loss:
        """The sum of both losses [] on the same fakes, and all figures [6].

        Neither's gradient reaches the other network, so the sum has both.
        """
        fake = self.objective.fakes(batch, "latents d", batch.labels)
        loss_g = self.loss_g(batch, fake, batch.labels)
        loss_d, figures = self.objective.of_discriminator(batch, fake.detach())
        return loss_g + loss_d, torch.cat([loss_g.detach()[None], figures])

    def loss_g(self, batch: Minibatch, fake: Tensor, drawn_for: Tensor | None) -> Tensor:
        """G's loss [], whose gradient stops before D's weights."""
        with held_fixed(self.nets.discriminator):
            return self.objective.of_generator(batch, fake, drawn_for)

    def average_step(self, images: int) -> None:
        """Move the averaged generator towards the generator (section 2 of the appendix A.1)."""
        average: list[Tensor] = list(self.nets.average.parameters())
        current = [p.detach() for p in self.nets.generator.parameters()]
        torch._foreach_lerp_(average, current, 1 - self.section.ema_decay(images))


@contextmanager
def held_fixed(net: nn.Module) -> Iterator[None]:
    """Compute nothing for the gradients of a network's weights."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


def gradients(optimisers: Sequence[Optimizer]) -> list[Tensor]:
    """Of all parameters that have one."""
    groups = [group for optimiser in optimisers for group in optimiser.param_groups]
    return [p.grad for group in groups for p in group["params"] if p.grad is not None]


def autocast(section: TrainSection, device: torch.device) -> AbstractContextManager[object]:
    """Bfloat16 for what autocast deems safe, if asked for."""
    if section.precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
