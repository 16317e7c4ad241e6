"""What a step of a phase reads: a function of the images that the phase has seen."""

import torch
from torch import Tensor

from pgpipe.data.feeding.batches import Batches
from pgpipe.gan.step import Minibatch
from pgpipe.training.job import Job


class Draw:
    """Draws the minibatches of a job's steps."""

    def __init__(self, job: Job, batches: Batches) -> None:
        self.job, self.batches = job, batches

    def __call__(self, images: int) -> list[Minibatch]:
        """Reals, labels and counters of the next step, a minibatch for each step of D."""
        count, fade = self.job.minibatch, self.fade(images)
        first = self.job.images_before + images
        return [
            self.minibatch(first + number * count, fade)
            for number in range(self.job.section.discriminator_steps)
        ]

    def minibatch(self, seen: int, fade: Tensor | None) -> Minibatch:
        """Return the minibatch that follows `seen` images of all phases."""
        images, labels = self.batches.reals(seen, self.job.minibatch)
        return Minibatch(
            images=images,
            labels=labels,
            labels_g=self.batches.random_labels(seen, self.job.minibatch),
            seen=torch.tensor(seen, device=self.batches.device),
            fade=fade,
            codes=self.batches.codes,
        )

    def fade(self, images: int) -> Tensor | None:
        """Weight [] of the newest layers; None in the stable part."""
        phase = self.job.phase
        if phase.part(images) == "stable":
            return None
        return torch.tensor(phase.fade(images), device=self.batches.device)
