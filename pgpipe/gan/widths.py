"""How wide the networks are: `nf` of the paper (appendix A), in one place for G and D."""

import math
from typing import Protocol

CAPTION_SIZE = 256  # numbers of a caption's vector
DISCRIMINATION = 5  # dimensions in which a kernel of minibatch discrimination compares


class Model(Protocol):
    """What widths depend on: of `config.Architecture`, whose module builds on this one."""

    @property
    def fmap_base(self) -> int:
        """A layer has fmap_base / 2^s feature maps."""

    @property
    def fmap_max(self) -> int:
        """A layer has no more than these."""

    @property
    def discriminator_divisor(self) -> int:
        """D has so many times fewer."""

    @property
    def latent_size(self) -> int:
        """Numbers that an image is drawn from."""


def feature_maps(model: Model, resolution: int) -> int:
    """Return `nf`, the feature maps of the layers at a resolution (s = log2(resolution) - 1)."""
    return max(1, min(model.fmap_base * 2 // resolution, model.fmap_max))


def discriminator_maps(model: Model, resolution: int) -> int:
    """Return the feature maps of D's layers at a resolution."""
    return max(1, feature_maps(model, resolution) // model.discriminator_divisor)


def hidden_maps(model: Model) -> int:
    """Return `nf(0)`, the features between D's last convolution and its score."""
    return max(1, min(model.fmap_base, model.fmap_max) // model.discriminator_divisor)


def augmented_numbers(model: Model) -> int:
    """Return the numbers of a latent that a conditioning augmentation of `stackgan` draws."""
    return model.latent_size // 4


def resolutions(top: int) -> list[int]:
    """Return 4, 8, ..., top."""
    return [1 << s for s in range(2, int(math.log2(top)) + 1)]
