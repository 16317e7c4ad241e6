"""What a phase is to do, and how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pgpipe.gan.config import NetworkSpec, TrainSection
from pgpipe.gan.schedule import Phase, kimg
from pgpipe.gan.systems import SYSTEMS
from pgpipe.plumbing.layout import PREVIEW_LABELS, PREVIEW_LATENTS
from pgpipe.training.history import Row


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
    about: Mapping[str, Any] = field(default_factory=dict)  # what a generator's file also says
    trained: Sequence[str] = ()  # networks whose first weights are those of another training

    @property
    def previews(self) -> dict[str, Tensor]:
        """The fixed latents [n, latent_size] and labels, or captions' vectors, of all previews."""
        return {name: self.tensors[name] for name in (PREVIEW_LATENTS, PREVIEW_LABELS)}

    @property
    def statistics(self) -> tuple[str, ...]:
        """What a step returns, by name."""
        return SYSTEMS[self.spec.name].statistics

    @property
    def minibatch(self) -> int:
        """Images per step."""
        return self.phase.minibatch or self.section.minibatch

    @property
    def step_images(self) -> int:
        """Real images that a step shows: a minibatch for each step of D."""
        return step_images(self.phase, self.section)

    @property
    def step_section(self) -> TrainSection:
        """The section `train` with the half-life that the phase states, if it does."""
        half_life = self.phase.ema_half_life_kimg or self.section.ema_half_life_kimg
        return self.section.model_copy(update={"ema_half_life_kimg": half_life})

    def kimg(self, images: int) -> float:
        """Thousands of images seen in all phases, after `images` of this one."""
        return kimg(self.images_before + images)

    def learning_rate(self, images: int) -> float:
        """Return the rate of all networks, after `images` of this phase."""
        rate = self.phase.learning_rate or self.section.learning_rate
        return rate * self.section.ramp_up(self.images_before + images)

    def fade_just_ended(self, images: int) -> bool:
        """Whether the step after `images` is the first of the stable part."""
        before, part = images - self.step_images, self.phase.part
        return before >= 0 and part(images) == "stable" and part(before) == "fade"

    @property
    def end(self) -> int:
        """Images of this phase after its last step."""
        return end_of(self.phase, self.section)

    def ticks(self, images: int) -> bool:
        """Return whether the step up to `images` crossed a multiple of the tick."""
        tick = self.section.tick_images
        return images // tick > (images - self.step_images) // tick

    def row_since_tick(self, progress: "Progress") -> Row | None:
        """Return the row that closes the history if the phase ends here, where that is no tick.

        It is no row of a longer phase's, which goes on to its next tick.
        """
        return self.row(progress) if progress.steps else None

    def row(self, progress: "Progress") -> Row:
        """Return the row of history here, with the means of the statistics since the last one."""
        images = progress.images
        means = (torch.tensor(progress.sums) / progress.steps).tolist()
        return {
            "kimg": self.kimg(images),
            "phase": self.key,
            "resolution": self.phase.res,
            "fade": self.phase.fade(images),
            "minibatch": self.minibatch,
            "learning_rate": self.learning_rate(images),
            **dict(zip(self.statistics, means, strict=True)),
        }


@dataclass
class Progress:
    """How far a phase is: what a state holds beside the tensors."""

    images: int = 0  # of this phase
    rows: list[Row] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)  # of the statistics, since the last tick
    steps: int = 0  # since the last tick


def step_images(phase: Phase, section: TrainSection) -> int:
    """Return the real images that a step of a phase shows: a minibatch for each step of D."""
    return (phase.minibatch or section.minibatch) * section.discriminator_steps


def end_of(phase: Phase, section: TrainSection) -> int:
    """Return the images after a phase's last step: whole steps, as many as its images take."""
    step = step_images(phase, section)
    return -(-phase.images // step) * step


def rows_of(facts: Mapping[str, Any]) -> list[Row]:
    """Return the history of the phases that end with a state, from what it tells of itself."""
    last = facts.get("row")
    return [*facts["progress"]["rows"], *([last] if last else [])]
