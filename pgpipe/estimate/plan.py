"""The parameters that decide what a run takes, and what follows from them at once."""

from dataclasses import dataclass

from pgpipe.data.config import PHOTOS, DatasetSection
from pgpipe.data.sources import catalogue
from pgpipe.gan.config import (
    ModelSection,
    NetworkSpec,
    SampleSection,
    TrainSection,
)
from pgpipe.gan.schedule import GrowthSection, Phase
from pgpipe.metrics.config import FEWEST, Protocol, ScoreSection, protocol_for

MANY = 1 << 30  # images, where it is not known how many
SCORED = 16  # pixels, from which on ticks have quick scores


@dataclass(frozen=True)
class Plan:
    """A run that is about to begin."""

    dataset: DatasetSection
    growth: GrowthSection
    model: ModelSection
    train: TrainSection
    sample: SampleSection
    score: ScoreSection

    @property
    def images(self) -> int | None:
        """The images that are prepared, where the parameters say how many."""
        if self.dataset.name == "photos":
            return PHOTOS * self.dataset.images_per_class
        if self.dataset.stacked:
            return self.dataset.stacks
        if self.dataset.images or self.dataset.classes or self.dataset.list:
            return self.dataset.images or None
        return catalogue.entries()[self.dataset.name].images or None

    @property
    def resolution(self) -> int:
        """The resolution of the generated images."""
        return self.growth.phases[self.growth.final].res

    @property
    def spec(self) -> NetworkSpec:
        """The networks; labels that only the data know are left out, with their few weights."""
        labels = PHOTOS if self.dataset.name == "photos" else 0
        channels, stacked = self.dataset.channels, self.dataset.stacked
        captions = 2 * self.dataset.captioned  # or more: the networks are the same
        return NetworkSpec.of(self.model, self.train, channels, labels, stacked, captions)

    def trained_on(self, images: int) -> int:
        """About how many of so many prepared images are not held out."""
        return round(images * (1 - self.dataset.held_out))

    def protocol(self, images: int) -> Protocol:
        """How a data set of so many images to train on is scored."""
        return protocol_for(self.score, images, self.train.mirror)

    def most_scored(self) -> Protocol:
        """How the data set is scored, or one that is large enough for all that `auto` means."""
        return self.protocol(MANY if self.images is None else self.trained_on(self.images))

    def least_scored(self, images: int | None) -> Protocol:
        """How so many prepared images are scored, or the fewest that are not refused."""
        return self.protocol(FEWEST if images is None else self.trained_on(images))

    def samples(self, protocol: Protocol) -> int:
        """Images that are drawn for a protocol."""
        return self.sample.count(max(protocol.needs(self.dataset.stacked).values()))

    def ticks(self, phase: Phase) -> int:
        """How often a phase records a row, a preview and a state, at least."""
        return -(-phase.images // max(self.train.tick_images, self.step_images(phase)))

    def snapshots(self, phase: Phase) -> bool:
        """Whether the ticks of a phase leave snapshots, for quick scores."""
        return self.train.most_quick_images > 0 and phase.res >= SCORED

    def step_images(self, phase: Phase) -> int:
        """Real images that a step of a phase shows."""
        return self.minibatch(phase) * self.train.discriminator_steps

    def minibatch(self, phase: Phase) -> int:
        """Images that a step of a phase trains on at once."""
        return phase.minibatch or self.train.minibatch
