"""The deliberately weak networks of the discrete-mode test, for 32x32 (paper, appendix E).

They are those of Metz et al. 2017 on stacked digits: one 3x3 convolution per resolution, and D's
feature maps divided by K. Grown, each smaller resolution has its own 3x3 toRGB and 1x1 fromRGB.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.discriminator import Discriminator, options_of
from pgpipe.gan.generator import Activation, Generator, activation_of
from pgpipe.gan.generator import options_of as generator_options
from pgpipe.gan.layers import (
    Conv,
    Dense,
    Layer,
    LayerOptions,
    Seed4x4,
    UpConv,
    downsample,
    in_float32,
    lrelu,
)
from pgpipe.gan.minibatch import minibatch_stddev
from pgpipe.gan.systems import WEAK_RESOLUTION
from pgpipe.gan.widths import discriminator_maps, feature_maps


def very_leaky(x: Tensor) -> Tensor:
    """Leaky ReLU, slope 0.3."""
    return F.leaky_relu(x, 0.3)


class Up(nn.Module):
    """A layer that enlarges, and its activation."""

    def __init__(self, layer: Layer, activation: Activation) -> None:
        super().__init__()
        self.layer, self.activation = layer, activation

    def forward(self, x: Tensor) -> Tensor:
        """[N, C] or [N, C, R/2, R/2] -> [N, K, R, R]."""
        return self.activation(self.layer(x))


class WeakGenerator(Generator):
    """Latent -> 32x32 by one convolution per resolution."""

    def add(self, resolution: int) -> None:
        """Add the layers of one resolution."""
        spec, name, maps = self.spec, str(resolution), feature_maps(self.spec, resolution)
        options = generator_options(spec)
        layer: Layer = Seed4x4(spec.latent_size + spec.condition, maps, options)
        if resolution > 4:
            layer = UpConv(feature_maps(spec, resolution // 2), maps, 3, options=options)
        self.blocks[name] = Up(layer, activation_of(spec, very_leaky))
        plain = LayerOptions(spec.equalised_lr)
        self.to_rgb[name] = Conv(maps, spec.channels, 3, gain=1.0, options=plain)


class Down(nn.Module):
    """Halves the resolution: [N, C, R, R] -> [N, K, R/2, R/2]."""

    def __init__(self, maps_in: int, maps: int, options: LayerOptions) -> None:
        super().__init__()
        self.conv = Conv(maps_in, maps, 3, options=options)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, R, R] -> [N, K, R/2, R/2]."""
        return downsample(lrelu(self.conv(x)))


class Score(nn.Module):
    """[N, C, 4, 4] -> score and label logits [N, 1 + classes]."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        maps = discriminator_maps(spec, 8)
        self.group, self.flatten = spec.stddev_group, nn.Flatten()
        features = 16 * (maps + spec.stddev_maps)
        self.score = Dense(features, 1 + spec.condition, gain=1.0, options=options_of(spec).plain)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, 4, 4] -> [N, 1 + classes]."""
        if self.group is not None:
            x = minibatch_stddev(x, self.group)
        return in_float32(self.score, self.flatten(x))


class WeakDiscriminator(Discriminator):
    """32x32 -> score by one convolution per resolution, the first of them on the pixels."""

    def add(self, resolution: int) -> None:
        """Add the layers of one resolution."""
        spec, name = self.spec, str(resolution)
        maps, maps_above = (discriminator_maps(spec, r) for r in (resolution, 2 * resolution))
        maps_in = spec.channels if resolution == WEAK_RESOLUTION else maps_above
        options = options_of(spec)
        self.blocks[name] = Score(spec) if resolution == 4 else Down(maps_in, maps, options)
        if resolution < WEAK_RESOLUTION:
            self.from_rgb[name] = Conv(spec.channels, maps_above, 1, options=options.plain)

    def enter(self, images: Tensor, resolution: int) -> Tensor:
        """[N, channels, R, R] -> the input [N, C, R, R] of the block at R."""
        return images if resolution == WEAK_RESOLUTION else super().enter(images, resolution)
