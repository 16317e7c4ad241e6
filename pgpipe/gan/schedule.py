"""Progressive growing: what is trained when (Karras et al. 2018, section 2 and appendix A.1).

Growth is a pure function of the images that a phase has shown to the discriminator; that count is
the only clock. A phase grows the networks to its resolution, fades the new layers in, and then
stabilises them.
"""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from pgpipe.config import Kimg, LearningRate, Minibatch, PowerOfTwo, Section, SomeKimg

# How the weight of the new layers rises from 0 to 1: evenly; 3 t^2 - 2 t^3; or it is 1 at once.
Shape = Literal["linear", "smooth", "step"]


class Phase(Section):
    """One resolution of the growth: an entry of `growth.phases`, a stage `train@rN`."""

    res: PowerOfTwo = Field(ge=4, le=1024)  # pixels
    origin: str = Field(alias="from", pattern="^(init|r[0-9]+)$")  # whose networks it grows
    fade_kimg: Kimg  # thousands of real images while the new layers fade in
    stable_kimg: Kimg  # thousands of real images after that
    minibatch: Minibatch | None = None  # images; unset: train.minibatch
    learning_rate: LearningRate | None = None  # unset: train.learning_rate
    ema_half_life_kimg: SomeKimg | None = None  # unset: train.ema_half_life_kimg
    fade_shape: Shape | None = None  # unset: growth.fade

    @model_validator(mode="after")
    def trains(self) -> "Phase":
        """A phase without images is a mistake."""
        if self.images == 0:
            raise ValueError("fade_kimg and stable_kimg are both 0: the phase would not train")
        if self.origin == "init" and self.fade_kimg:
            raise ValueError("fade_kimg must be 0 in a phase from init: it has no older layers")
        return self

    @property
    def images(self) -> int:
        """Real images that the phase shows."""
        return self.fade_images + round(1000 * self.stable_kimg)

    @property
    def fade_images(self) -> int:
        """Real images that the fade lasts."""
        return round(1000 * self.fade_kimg)

    def fade(self, images_seen: int) -> float:
        """Weight of the new layers, 0 to 1, after `images_seen` images of this phase."""
        if images_seen >= self.fade_images or self.fade_shape == "step":
            return 1.0
        t = images_seen / self.fade_images
        return t * t * (3 - 2 * t) if self.fade_shape == "smooth" else t

    def with_shape(self, shape: Shape) -> "Phase":
        """Return the phase with the shape of its fade, if it has one and states none."""
        stated = self.fade_shape or shape
        return self.model_copy(update={"fade_shape": stated if self.fade_kimg else None})

    def part(self, images_seen: int) -> Literal["fade", "stable"]:
        """Which of the two parts a step starting at `images_seen` belongs to."""
        return "fade" if images_seen < self.fade_images else "stable"


class GrowthSection(Section):
    """The section `growth`: a chain of phases from 4x4 (or any first resolution) upwards."""

    final: str  # the phase whose generator is sampled and scored
    fade: Shape  # of all phases that do not state their own
    phases: dict[str, Phase]

    @field_validator("phases")
    @classmethod
    def keys_name_the_resolution(cls, phases: dict[str, Phase]) -> dict[str, Phase]:
        """`data/multires/rN` and `models/rN` are named by the key."""
        for key, phase in phases.items():
            require_name(key, phase)
        return phases

    @model_validator(mode="after")
    def is_a_chain(self) -> "GrowthSection":
        """Every phase grows an existing phase of fewer pixels; a system says by what factors."""
        if self.final not in self.phases:
            raise ValueError(f"final: {self.final!r} is not one of {', '.join(self.phases)}")
        for key, phase in self.phases.items():
            if phase.origin != "init" and phase.origin not in self.phases:
                raise ValueError(f"phases.{key}.from: {phase.origin!r} is no phase and not init")
            if phase.origin != "init" and self.phases[phase.origin].res >= phase.res:
                raise ValueError(f"phases.{key}.from: must be init or a phase of fewer pixels")
        return self

    def chain(self, key: str = "") -> list[tuple[str, Phase]]:
        """The phases that lead to `key` (the final one if empty), in order."""
        key = key or self.final
        phase = self.phases[key]
        before = [] if phase.origin == "init" else self.chain(phase.origin)
        return [*before, (key, phase)]


def require_name(key: str, phase: Phase) -> None:
    """Raise ValueError where a phase is not named by its resolution."""
    if key != f"r{phase.res}":
        raise ValueError(f"{key}: a phase of resolution {phase.res} is called r{phase.res}")


def kimg(images: int) -> float:
    """Return thousands of images."""
    return images / 1000
