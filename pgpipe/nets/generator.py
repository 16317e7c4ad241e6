"""The generator: latent -> image, one block a resolution (paper, table 2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgpipe.nets.config import NetworkSpec, feature_maps, resolutions
from pgpipe.nets.layers import Conv, Seed4x4, UpConv, lrelu, pixel_norm, upsample


class FirstBlock(nn.Module):
    """Latent [N, C] -> [N, K, 4, 4]."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        maps = feature_maps(spec, 4)
        self.seed = Seed4x4(spec.latent_size + spec.classes, maps)
        self.conv = Conv(maps, maps, 3)

    def forward(self, z: Tensor) -> Tensor:
        """[N, C] -> [N, K, 4, 4]."""
        x = pixel_norm(lrelu(self.seed(z)))
        return pixel_norm(lrelu(self.conv(x)))


class Block(nn.Module):
    """Doubles the resolution: [N, C, R/2, R/2] -> [N, K, R, R]."""

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        super().__init__()
        maps = feature_maps(spec, resolution)
        self.up = UpConv(feature_maps(spec, resolution // 2), maps, 3)
        self.conv = Conv(maps, maps, 3)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, R/2, R/2] -> [N, K, R, R]."""
        x = pixel_norm(lrelu(self.up(x)))
        return pixel_norm(lrelu(self.conv(x)))


class Generator(nn.Module):
    """G grown to one resolution. Weights are named by resolution; growing keeps the names."""

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        super().__init__()
        self.spec, self.resolution = spec, resolution
        self.blocks, self.to_rgb = nn.ModuleDict(), nn.ModuleDict()
        for res in resolutions(resolution):
            self.blocks[str(res)] = FirstBlock(spec) if res == 4 else Block(spec, res)
            self.to_rgb[str(res)] = Conv(feature_maps(spec, res), spec.channels, 1, gain=1.0)

    def forward(
        self, z: Tensor, labels: Tensor | None = None, fade: Tensor | None = None
    ) -> Tensor:
        """Draw images.

        Args:
            z: latents [N, latent_size], from N(0, I).
            labels: int64 [N], given exactly if the spec has classes.
            fade: weight [] of the newest block, 0 to 1; None once it is fully grown.

        Returns:
            [N, channels, R, R]; data lie in [-1, 1].
        """
        x = self.join(z, labels)
        old = x
        for block in self.blocks.values():
            old, x = x, block(x)
        rgb: Tensor = self.to_rgb[str(self.resolution)](x)
        if fade is None:
            return rgb
        old_rgb = upsample(self.to_rgb[str(self.resolution // 2)](old))
        return torch.lerp(old_rgb, rgb, fade.to(rgb.dtype))

    def join(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Latents on the hypersphere, with the one-hot label beside: [N, latent_size + classes].

        The latent alone is normalised, as in the Theano code of the paper's tables.
        """
        assert (labels is not None) == (self.spec.classes > 0)
        z = pixel_norm(z)
        if labels is None:
            return z
        return torch.cat([z, F.one_hot(labels, self.spec.classes).to(z.dtype)], dim=1)
