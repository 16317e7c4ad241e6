"""The discriminator: image -> score, the generator's mirror image (paper, table 2)."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.layers import Conv, Dense, DownConv, Layer, LayerOptions, downsample, lrelu
from pgpipe.gan.minibatch import MinibatchDiscrimination, minibatch_stddev
from pgpipe.gan.widths import discriminator_maps, hidden_maps, resolutions


def options_of(spec: NetworkSpec) -> LayerOptions:
    """Return the options of the 3x3 and 4x4 convolutions."""
    return LayerOptions(spec.equalised_lr, spec.discriminator_norm)


class Block(nn.Module):
    """Halves the resolution: [N, C, R, R] -> [N, K, R/2, R/2]."""

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        super().__init__()
        maps, options = discriminator_maps(spec, resolution), options_of(spec)
        maps_below = discriminator_maps(spec, resolution // 2)
        self.fused = spec.fused_downsampling
        self.conv = Conv(maps, maps, 3, options=options)
        self.down = (DownConv if self.fused else Conv)(maps, maps_below, 3, options=options)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, R, R] -> [N, K, R/2, R/2]."""
        x = lrelu(self.conv(x))
        x = lrelu(self.down(x))
        return x if self.fused else downsample(x)


class LastBlock(nn.Module):
    """[N, C, 4, 4] -> score and label logits [N, 1 + classes]."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        maps, hidden, options = discriminator_maps(spec, 4), hidden_maps(spec), options_of(spec)
        self.group, kernels = spec.stddev_group, spec.minibatch_discrimination
        self.conv = Conv(maps + spec.stddev_maps, maps, 3, options=options)
        self.flatten = nn.Flatten()
        self.dense = Dense(maps * 16, hidden, options=options)
        self.discrimination = MinibatchDiscrimination(hidden, kernels) if kernels else None
        self.score = Dense(hidden + kernels, 1 + spec.classes, gain=1.0, options=options.plain)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, 4, 4] -> [N, 1 + classes]."""
        x = self.features(x)
        if self.discrimination is not None:
            x = self.discrimination(x)
        # In bfloat16 a loss would have its gradient rounded away where a score is near 0.
        with torch.autocast(x.device.type, enabled=False):
            out: Tensor = self.score(x.float())
        return out

    def features(self, x: Tensor) -> Tensor:
        """[N, C, 4, 4] -> [N, hidden]."""
        if self.group is not None:
            x = minibatch_stddev(x, self.group)
        x = self.flatten(lrelu(self.conv(x)))  # [N, C * 16]
        return lrelu(self.dense(x))


class Discriminator(nn.Module):
    """D grown to one resolution. Weights are named by resolution; growing keeps the names."""

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        super().__init__()
        self.spec, self.resolution = spec, resolution
        self.blocks, self.from_rgb = nn.ModuleDict(), nn.ModuleDict()
        for res in resolutions(resolution):
            self.add(res)

    def add(self, resolution: int) -> None:
        """Add the layers of one resolution."""
        spec, name = self.spec, str(resolution)
        self.blocks[name] = LastBlock(spec) if resolution == 4 else Block(spec, resolution)
        maps, options = discriminator_maps(spec, resolution), options_of(spec).plain
        self.from_rgb[name] = Conv(spec.channels, maps, 1, options=options)

    def forward(self, images: Tensor, fade: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Score images.

        Args:
            images: [N, channels, R, R].
            fade: weight [] of the newest block, 0 to 1; None once it is fully grown.

        Returns:
            Scores [N], higher is more real, and label logits [N, classes].
        """
        x: Tensor = self.blocks["4"](self.down_to_4x4(images, fade))
        return x[:, 0], x[:, 1:]

    def down_to_4x4(self, images: Tensor, fade: Tensor | None) -> Tensor:
        """[N, channels, R, R] -> the last block's input [N, C, 4, 4]."""
        res = self.resolution
        x = self.enter(images, res)
        if res > 4:
            x = self.blocks[str(res)](x)
        if fade is not None:
            x = torch.lerp(self.enter(downsample(images), res // 2), x, fade.to(x.dtype))
        for below in reversed(resolutions(res // 2)[1:]):
            x = self.blocks[str(below)](x)
        return x

    def enter(self, images: Tensor, resolution: int) -> Tensor:
        """[N, channels, R, R] -> the input [N, C, R, R] of the block at R."""
        return lrelu(self.from_rgb[str(resolution)](images))

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Set what depends on data from reals [N, channels, R, R]: minibatch discrimination."""
        last = self.blocks["4"]
        if isinstance(last, LastBlock) and last.discrimination is not None:
            last.discrimination.fit(last.features(self.down_to_4x4(images, None)))

    def noisy(self) -> Iterator[nn.Module]:
        """Yield the modules whose input the noise of `lsgan` goes to: 3x3 and 4x4 convolutions."""
        for module in self.blocks.modules():
            convolution = isinstance(module, Layer) and not isinstance(module, Dense)
            if convolution or isinstance(module, nn.Flatten):  # before the dense 4x4 convolution
                yield module
