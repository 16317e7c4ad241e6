"""What a phase is to do, and how far it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from pgpipe.layout import PREVIEW_LABELS, PREVIEW_LATENTS
from pgpipe.nets.config import NetworkSpec
from pgpipe.schedule import Phase
from pgpipe.training.config import TrainSection
from pgpipe.training.history import Row
from pgpipe.training.objective import FIGURES


@dataclass(frozen=True)
class Job:
    """All that the result of a phase depends on, but the images."""

    key: str
    phase: Phase
    section: TrainSection
    spec: NetworkSpec
    tensors: Mapping[str, Tensor]  # first weights of all networks, and the latents of previews
    images_before: int  # seen by the phases before
    rows_before: list[Row]

    @property
    def previews(self) -> dict[str, Tensor]:
        """The fixed latents [n, latent_size] and labels int64 [n] that every phase draws."""
        return {name: self.tensors[name] for name in (PREVIEW_LATENTS, PREVIEW_LABELS)}

    @property
    def minibatch(self) -> int:
        """Images a step."""
        return self.phase.minibatch or self.section.minibatch

    @property
    def step_images(self) -> int:
        """Real images that a step shows: a minibatch for each step of D."""
        return self.minibatch * self.section.discriminator_steps

    def learning_rate(self, images: int) -> float:
        """Of both networks, after `images` of this phase."""
        rate = self.phase.learning_rate or self.section.learning_rate
        return rate * self.section.ramp_up(self.images_before + images)


@dataclass
class Progress:
    """How far a phase is: what a state holds beside the tensors."""

    images: int = 0  # of this phase
    rows: list[Row] = field(default_factory=list)
    sums: list[float] = field(default_factory=lambda: [0.0] * len(FIGURES))  # since the last tick
    steps: int = 0  # since the last tick
