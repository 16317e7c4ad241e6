"""DCGAN (Radford et al. 2016): a fixed resolution, no growing.

The latent is projected to 4x4, transposed 5x5 convolutions double the resolution and halve the
feature maps up to the pixels; D mirrors it with strided ones. Batch normalisation everywhere but
at the pixels and the score; ReLU in G, leaky ReLU in D; weights from N(0, 0.02).

The released code differs where the paper is silent: it has no biases at the pixels and the score,
normalises each of the projection's 16 x 1024 units by itself, decays weights by 1e-5, draws latents
uniformly, and steps G and D on minibatches in turn. Here all of that is as in the other networks.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.discriminator import Discriminator
from pgpipe.gan.generator import Generator
from pgpipe.gan.layers import Dense, Layer, LayerOptions, Seed4x4, in_float32, lrelu
from pgpipe.gan.normalisation import BatchNorm
from pgpipe.gan.widths import discriminator_maps, feature_maps

SPREAD = 0.02  # of first weights, and of first gains around 1
KERNEL = 5  # pixels
PLAIN, BATCH = LayerOptions(equalised=False), LayerOptions(equalised=False, norm="batch")


def initialised(layer: Layer) -> Layer:
    """The layer with DCGAN's spreads of first weights and gains."""
    layer.initial["weight"] = (0.0, SPREAD)
    if isinstance(layer.norm, BatchNorm):
        layer.norm.initial["gain"] = (1.0, SPREAD)
    return layer


class Transposed(Layer):
    """Transposed convolution [N, C, H, W] -> [N, K, 2H, 2W]."""

    def __init__(self, maps_in: int, maps: int, options: LayerOptions) -> None:
        super().__init__((maps_in, maps, KERNEL, KERNEL), maps, maps_in * KERNEL**2, 1.0, options)

    def linear(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """[N, C, H, W] -> [N, K, 2H, 2W]."""
        return F.conv_transpose2d(x, self.weight, bias, stride=2, padding=2, output_padding=1)


class Strided(Layer):
    """Strided convolution [N, C, H, W] -> [N, K, H/2, W/2]."""

    def __init__(self, maps_in: int, maps: int, options: LayerOptions) -> None:
        super().__init__((maps, maps_in, KERNEL, KERNEL), maps, maps_in * KERNEL**2, 1.0, options)

    def linear(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """[N, C, H, W] -> [N, K, H/2, W/2]."""
        return F.conv2d(x, self.weight, bias, stride=2, padding=2)


class DcganGenerator(Generator):
    """Latent -> image; blocks up to half the resolution, then one layer to the pixels."""

    def add(self, resolution: int) -> None:
        """Add the layer that ends at a resolution."""
        spec, name = self.spec, str(resolution)
        maps = feature_maps(spec, resolution)
        if resolution == 4:
            seed = initialised(Seed4x4(spec.latent_size + spec.condition, maps, BATCH))
            self.blocks[name] = nn.Sequential(seed, nn.ReLU())
        elif resolution < self.resolution:
            up = initialised(Transposed(feature_maps(spec, resolution // 2), maps, BATCH))
            self.blocks[name] = nn.Sequential(up, nn.ReLU())
        else:
            below = feature_maps(spec, resolution // 2)
            self.to_rgb[name] = initialised(Transposed(below, spec.channels, PLAIN))


class Down(nn.Module):
    """Halves the resolution: [N, C, R, R] -> [N, K, R/2, R/2]."""

    def __init__(self, maps_in: int, maps: int, options: LayerOptions) -> None:
        super().__init__()
        self.conv = initialised(Strided(maps_in, maps, options))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, R, R] -> [N, K, R/2, R/2]."""
        return lrelu(self.conv(x))


class Score(nn.Module):
    """[N, C, 4, 4] -> score and label logits [N, 1 + classes]."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.score = initialised(
            Dense(16 * discriminator_maps(spec, 4), 1 + spec.condition, options=PLAIN)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, 4, 4] -> [N, 1 + classes]."""
        return in_float32(self.score, self.flatten(x))


class DcganDiscriminator(Discriminator):
    """Image -> score; the first convolution, on the pixels, is not normalised."""

    def add(self, resolution: int) -> None:
        """Add the layer that starts at a resolution."""
        spec, name = self.spec, str(resolution)
        if resolution == 4:
            self.blocks[name] = Score(spec)
            return
        top = resolution == self.resolution
        maps_in = spec.channels if top else discriminator_maps(spec, resolution)
        maps = discriminator_maps(spec, resolution // 2)
        self.blocks[name] = Down(maps_in, maps, PLAIN if top else BATCH)

    def enter(self, images: Tensor, resolution: int) -> Tensor:
        """Return the pixels themselves."""
        assert resolution == self.resolution, "a DCGAN does not grow"
        return images
