"""What a phase is to do, and how far it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from pgpipe.layout import PREVIEW_LABELS, PREVIEW_LATENTS
from pgpipe.nets.config import NetworkSpec
from pgpipe.schedule import Phase, kimg
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

    @property
    def step_section(self) -> TrainSection:
        """The section `train` with the half-life that the phase states, if it does."""
        half_life = self.phase.ema_half_life_kimg or self.section.ema_half_life_kimg
        return self.section.model_copy(update={"ema_half_life_kimg": half_life})

    def kimg(self, images: int) -> float:
        """Thousands of images seen in all phases, after `images` of this one."""
        return kimg(self.images_before + images)

    def learning_rate(self, images: int) -> float:
        """Of both networks, after `images` of this phase."""
        rate = self.phase.learning_rate or self.section.learning_rate
        return rate * self.section.ramp_up(self.images_before + images)

    def fade_just_ended(self, images: int) -> bool:
        """Whether the step after `images` is the first of the stable part."""
        before, part = images - self.step_images, self.phase.part
        return before >= 0 and part(images) == "stable" and part(before) == "fade"

    def ticks(self, images: int) -> bool:
        """Whether the step up to `images` crossed a multiple of the tick, or ended the phase."""
        tick = self.section.tick_images
        crossed = images // tick > (images - self.step_images) // tick
        return crossed or images >= self.phase.images

    def row(self, images: int, means: Mapping[str, float]) -> Row:
        """The row of history after `images`, with the means of figures since the last one."""
        return {
            "kimg": self.kimg(images),
            "phase": self.key,
            "resolution": self.phase.res,
            "fade": self.phase.fade(images),
            "minibatch": self.minibatch,
            "learning_rate": self.learning_rate(images),
            **means,
        }


@dataclass
class Progress:
    """How far a phase is: what a state holds beside the tensors."""

    images: int = 0  # of this phase
    rows: list[Row] = field(default_factory=list)
    sums: list[float] = field(default_factory=lambda: [0.0] * len(FIGURES))  # since the last tick
    steps: int = 0  # since the last tick
