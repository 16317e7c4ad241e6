"""The networks' kind, size and switches: the section `model`, and all that fixes their weights."""

import math
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from pgpipe.config import Auto, AutoOr, Minibatch, Section, Seed, number

SHEET = 96  # images of the picture of random samples
WEAK_RESOLUTION = 32  # pixels, for which the weak networks are made

# What an architecture is, so that its parameters say so
FIXED: dict[str, dict[str, object]] = {
    "pggan": {},
    "dcgan": {
        "latent_norm": "none",
        "generator_activation": "relu",
        "generator_norm": "batch",
        "tanh": True,
        "discriminator_norm": "batch",
        "minibatch_discrimination": 0,
        "equalised_lr": False,
        "fused_downsampling": False,
    },
    "weak": {
        "generator_activation": "lrelu",
        "minibatch_discrimination": 0,
        "fused_downsampling": False,
    },
}


class ModelSection(Section):
    """The section `model`. Paper: fmap_base 8192, fmap_max 512, latent_size 512."""

    name: Literal["pggan", "dcgan", "weak"]  # weak: of the discrete-mode test, see nets.weak
    fmap_base: int = Field(ge=4, le=1 << 16)  # feature maps: min(fmap_base / 2^s, fmap_max)
    fmap_max: int = Field(ge=1, le=1 << 12)
    discriminator_divisor: int = Field(ge=1, le=1 << 10)  # K: of D's feature maps [1]
    latent_size: int = Field(ge=1, le=1 << 14)
    # To the hypersphere: the latent alone (Theano), joined with the label (TensorFlow), or not.
    latent_norm: Literal["latent", "joined", "none"]
    generator_activation: Literal["lrelu", "relu"]
    generator_norm: Literal["pixel", "batch", "none"]  # batch: of the minibatch, when sampling too
    tanh: bool  # at the end of G
    discriminator_norm: Literal["none", "layer", "batch"]
    minibatch_discrimination: int = Field(ge=0, le=1 << 10)  # kernels of 5 dimensions; 0: off
    equalised_lr: bool  # False: He's constant in the first weights instead of at run time
    # Where D halves the image. False: after the activation, as the paper's table 2 and the Theano
    # code. True: inside the convolution, before the activation, as the TensorFlow code: faster.
    fused_downsampling: bool

    @model_validator(mode="after")
    def is_the_architecture_that_it_names(self) -> "ModelSection":
        """Switches that an architecture has decided have its values."""
        for key, value in FIXED[self.name].items():
            found = getattr(self, key)
            if found != value:
                raise ValueError(f"{key}: a {self.name} has {in_yaml(value)}, not {in_yaml(found)}")
        return self


class NetworkSpec(ModelSection):
    """Everything that the shapes of G and D depend on, but the resolution."""

    channels: PositiveInt  # of an image: 1 or 3
    classes: NonNegativeInt  # labels joined to the latent and classified by D; 0: none
    minibatch_stddev: bool | int  # D's extra feature map, see training.config


class SampleSection(Section):
    """The section `sample`: what the final generator draws."""

    images: Annotated[int | Auto, AutoOr(16)]  # for scoring
    seed: Seed  # of the latents
    # Images drawn at a time. Changes memory; with batch normalisation in G, results too.
    minibatch: Minibatch

    def count(self, scored: int) -> int:
        """Images to draw where so many are scored: `auto` fills a sheet of pictures, too."""
        return number(self.images, max(scored, SHEET))


def feature_maps(model: ModelSection, resolution: int) -> int:
    """`nf`: feature maps of the layers at a resolution (paper, appendix A; s = log2(res) - 1)."""
    return max(1, min(model.fmap_base * 2 // resolution, model.fmap_max))


def discriminator_maps(model: ModelSection, resolution: int) -> int:
    """Feature maps of D's layers at a resolution."""
    return max(1, feature_maps(model, resolution) // model.discriminator_divisor)


def hidden_maps(model: ModelSection) -> int:
    """`nf(0)`: features between D's last convolution and its score."""
    return max(1, min(model.fmap_base, model.fmap_max) // model.discriminator_divisor)


def in_yaml(value: object) -> str:
    """A switch's value as params.yaml writes it."""
    return str(value).lower()


def resolutions(top: int) -> list[int]:
    """4, 8, ..., top."""
    return [1 << s for s in range(2, int(math.log2(top)) + 1)]
