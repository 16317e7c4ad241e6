"""The generator: latent -> image, one block per resolution (paper, table 2)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.layers import Conv, Layer, LayerOptions, Seed4x4, UpConv, lrelu, one_hot, upsample
from pgpipe.gan.normalisation import pixel_norm, response_norm
from pgpipe.gan.widths import feature_maps, resolutions

Activation = Callable[[Tensor], Tensor]

AFTER = {"pixel": pixel_norm, "response": response_norm}  # norms that follow the activation


def options_of(spec: NetworkSpec) -> LayerOptions:
    """Return the options of the layers that have an activation."""
    return LayerOptions(spec.equalised_lr, "batch" if spec.generator_norm == "batch" else "none")


def activation_of(spec: NetworkSpec, relu: Activation = lrelu, first: bool = False) -> Activation:
    """Return what follows a layer: `relu` or ReLU, and a norm where the spec says so."""
    activation = F.relu if spec.generator_activation == "relu" else relu
    norm = None if first and spec.first_layer == "no-norm" else AFTER.get(spec.generator_norm)
    return activation if norm is None else lambda x: norm(activation(x))


class FirstBlock(nn.Module):
    """Latent [N, C] -> [N, K, 4, 4]."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        maps, options = feature_maps(spec, 4), options_of(spec)
        pixel_bias = spec.first_layer == "pixel-bias"
        self.seed = Seed4x4(spec.latent_size + spec.condition, maps, options, pixel_bias)
        self.conv = Conv(maps, maps, 3, options=options)
        self.first, self.activation = activation_of(spec, first=True), activation_of(spec)

    def forward(self, z: Tensor) -> Tensor:
        """[N, C] -> [N, K, 4, 4]."""
        x = self.first(self.seed(z))
        return self.activation(self.conv(x))


class Block(nn.Module):
    """Doubles the resolution: [N, C, R/2, R/2] -> [N, K, R, R]."""

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        super().__init__()
        maps, options = feature_maps(spec, resolution), options_of(spec)
        self.up = UpConv(feature_maps(spec, resolution // 2), maps, 3, options=options)
        self.conv = Conv(maps, maps, 3, options=options)
        self.activation = activation_of(spec)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, R/2, R/2] -> [N, K, R, R]."""
        x = self.activation(self.up(x))
        return self.activation(self.conv(x))


class Generator(nn.Module):
    """G grown to one resolution. Weights are named by resolution; growing keeps the names."""

    in_a_row = True  # whether each of its `layers` takes what the one before it gives

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        super().__init__()
        self.spec, self.resolution = spec, resolution
        self.blocks, self.to_rgb = nn.ModuleDict(), nn.ModuleDict()
        for res in resolutions(resolution):
            self.add(res)

    def add(self, resolution: int) -> None:
        """Add the layers of one resolution."""
        spec, name = self.spec, str(resolution)
        self.blocks[name] = FirstBlock(spec) if resolution == 4 else Block(spec, resolution)
        maps, options = feature_maps(spec, resolution), LayerOptions(spec.equalised_lr)
        self.to_rgb[name] = Conv(maps, spec.channels, 1, gain=1.0, options=options)

    def layers(self) -> list[Layer]:
        """Return the layers that draw, in their order; the last one makes the pixels."""
        last = self.to_rgb[str(self.resolution)]
        modules = [*self.blocks.modules(), *last.modules()]
        return [module for module in modules if isinstance(module, Layer)]

    def forward(
        self, z: Tensor, labels: Tensor | None = None, fade: Tensor | None = None
    ) -> Tensor:
        """Draw images.

        Args:
            z: latents [N, latent_size], as `latents` draws them.
            labels: int64 [N], shares of the classes [N, classes], or vectors of captions [N, 256];
                given exactly if the spec is conditional.
            fade: weight [] of the newest block, 0 to 1; None once it is fully grown.

        Returns:
            [N, channels, R, R]; data lie in [-1, 1].
        """
        x = self.join(z, labels)
        old = x
        for block in self.blocks.values():
            old, x = x, block(x)
        rgb: Tensor = self.to_rgb[str(self.resolution)](x)
        if fade is not None:
            old_rgb = upsample(self.to_rgb[str(self.resolution // 2)](old))
            rgb = torch.lerp(old_rgb, rgb, fade.to(rgb.dtype))
        return rgb.tanh() if self.spec.tanh else rgb

    def join(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Latents beside the condition's vectors, on the hypersphere: [N, latent_size + condition].

        The Theano code of the paper's tables normalises the latent alone, the TensorFlow code both
        joined.
        """
        assert (labels is not None) == (self.spec.condition > 0)
        if self.spec.latent_norm == "latent":
            z = pixel_norm(z)
        if labels is not None:
            z = torch.cat([z, one_hot(labels, self.spec.classes, z.dtype)], dim=1)
        return pixel_norm(z) if self.spec.latent_norm == "joined" else z
