"""The discriminator: image -> score, the generator's mirror image (paper, table 2)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pgpipe.gan.config import NetworkSpec, discriminator_maps, hidden_maps, resolutions
from pgpipe.gan.layers import Conv, Dense, DownConv, Style, downsample, lrelu
from pgpipe.gan.minibatch import MinibatchDiscrimination, minibatch_stddev, quiet

Noise = Callable[[Tensor], Tensor]  # on the input of every 3x3 and 4x4 convolution


def style_of(spec: NetworkSpec) -> Style:
    """Of the 3x3 and 4x4 convolutions."""
    return Style(spec.equalised_lr, spec.discriminator_norm)


class Block(nn.Module):
    """Halves the resolution: [N, C, R, R] -> [N, K, R/2, R/2]."""

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        super().__init__()
        maps, style = discriminator_maps(spec, resolution), style_of(spec)
        maps_below = discriminator_maps(spec, resolution // 2)
        self.fused = spec.fused_downsampling
        self.conv = Conv(maps, maps, 3, style=style)
        self.down = (DownConv if self.fused else Conv)(maps, maps_below, 3, style=style)

    def forward(self, x: Tensor, noise: Noise) -> Tensor:
        """[N, C, R, R] -> [N, K, R/2, R/2]."""
        x = lrelu(self.conv(noise(x)))
        x = lrelu(self.down(noise(x)))
        return x if self.fused else downsample(x)


class LastBlock(nn.Module):
    """[N, C, 4, 4] -> score and label logits [N, 1 + classes]."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        maps, hidden, style = discriminator_maps(spec, 4), hidden_maps(spec), style_of(spec)
        self.stddev, kernels = spec.minibatch_stddev, spec.minibatch_discrimination
        self.conv = Conv(maps + (self.stddev is not False), maps, 3, style=style)
        self.dense = Dense(maps * 16, hidden, style=style)
        self.discrimination = MinibatchDiscrimination(hidden, kernels) if kernels else None
        self.score = Dense(hidden + kernels, 1 + spec.classes, gain=1.0, style=style.plain)

    def forward(self, x: Tensor, noise: Noise, minibatches: int) -> Tensor:
        """[N, C, 4, 4] -> [N, 1 + classes]."""
        x = self.features(x, noise, minibatches)
        if self.discrimination is not None:
            x = self.discrimination(x)
        # In bfloat16 a loss would have its gradient rounded away where a score is near 0.
        with torch.autocast(x.device.type, enabled=False):
            out: Tensor = self.score(x.float())
        return out

    def features(self, x: Tensor, noise: Noise, minibatches: int = 1) -> Tensor:
        """[N, C, 4, 4] -> [N, hidden]."""
        if self.stddev is not False:
            x = minibatch_stddev(x, 0 if self.stddev is True else self.stddev, minibatches)
        x = noise(lrelu(self.conv(noise(x)))).flatten(1)  # [N, C * 16]
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
        maps, style = discriminator_maps(spec, resolution), style_of(spec).plain
        self.from_rgb[name] = Conv(spec.channels, maps, 1, style=style)

    @property
    def joins(self) -> bool:
        """Whether several minibatches can go through together, each as if alone."""
        spec = self.spec
        return spec.discriminator_norm != "batch" and not spec.minibatch_discrimination

    def forward(
        self,
        images: Tensor,
        fade: Tensor | None = None,
        noise: Noise = quiet,
        minibatches: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """Score images.

        Args:
            images: [N, channels, R, R].
            fade: weight [] of the newest block, 0 to 1; None once it is fully grown.
            noise: applied to the input of every 3x3 and 4x4 convolution.
            minibatches: so many of them, image by image in turns; more than one where it `joins`.

        Returns:
            Scores [N], higher is more real, and label logits [N, classes].
        """
        x: Tensor = self.blocks["4"](self.down_to_4x4(images, fade, noise), noise, minibatches)
        return x[:, 0], x[:, 1:]

    def down_to_4x4(self, images: Tensor, fade: Tensor | None, noise: Noise) -> Tensor:
        """[N, channels, R, R] -> the last block's input [N, C, 4, 4]."""
        res = self.resolution
        x = self.enter(images, res)
        if res > 4:
            x = self.blocks[str(res)](x, noise)
        if fade is not None:
            x = torch.lerp(self.enter(downsample(images), res // 2), x, fade.to(x.dtype))
        for below in reversed(resolutions(res // 2)[1:]):
            x = self.blocks[str(below)](x, noise)
        return x

    def enter(self, images: Tensor, resolution: int) -> Tensor:
        """[N, channels, R, R] -> the input [N, C, R, R] of the block at R."""
        return lrelu(self.from_rgb[str(resolution)](images))

    @torch.no_grad()
    def fit(self, images: Tensor) -> None:
        """Set what depends on data from reals [N, channels, R, R]: minibatch discrimination."""
        last = self.blocks["4"]
        if isinstance(last, LastBlock) and last.discrimination is not None:
            last.discrimination.fit(last.features(self.down_to_4x4(images, None, quiet), quiet))
