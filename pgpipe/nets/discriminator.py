"""The discriminator: image -> score, the generator's mirror image (paper, table 2)."""

import torch
from torch import Tensor, nn

from pgpipe.nets.config import NetworkSpec, feature_maps, resolutions
from pgpipe.nets.layers import Conv, Dense, DownConv, downsample, lrelu, minibatch_stddev


class Block(nn.Module):
    """Halves the resolution: [N, C, R, R] -> [N, K, R/2, R/2]."""

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        super().__init__()
        maps, maps_below = feature_maps(spec, resolution), feature_maps(spec, resolution // 2)
        self.fused = spec.fused_downsampling
        self.conv = Conv(maps, maps, 3)
        self.down = (DownConv if self.fused else Conv)(maps, maps_below, 3)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, R, R] -> [N, K, R/2, R/2]."""
        x = lrelu(self.down(lrelu(self.conv(x))))
        return x if self.fused else downsample(x)


class LastBlock(nn.Module):
    """[N, C, 4, 4] -> score and label logits [N, 1 + classes]."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        maps = feature_maps(spec, 4)
        hidden = min(spec.fmap_base, spec.fmap_max)  # nf(0) of the paper's code
        self.stddev = spec.minibatch_stddev
        self.conv = Conv(maps + (self.stddev is not False), maps, 3)
        self.dense = Dense(maps * 16, hidden)
        self.score = Dense(hidden, 1 + spec.classes, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, 4, 4] -> [N, 1 + classes]."""
        if self.stddev is not False:
            x = minibatch_stddev(x, group=0 if self.stddev is True else self.stddev)
        x = lrelu(self.conv(x)).flatten(1)  # [N, C * 16]
        x = lrelu(self.dense(x))
        # In bfloat16 a loss would have its gradient rounded away where a score is near 0.
        with torch.autocast(x.device.type, enabled=False):
            out: Tensor = self.score(x.float())
        return out


class Discriminator(nn.Module):
    """D grown to one resolution. Weights are named by resolution; growing keeps the names."""

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        super().__init__()
        self.resolution = resolution
        self.blocks, self.from_rgb = nn.ModuleDict(), nn.ModuleDict()
        for res in resolutions(resolution):
            self.blocks[str(res)] = LastBlock(spec) if res == 4 else Block(spec, res)
            self.from_rgb[str(res)] = Conv(spec.channels, feature_maps(spec, res), 1)

    def forward(self, images: Tensor, fade: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Score images.

        Args:
            images: [N, channels, R, R].
            fade: weight [] of the newest block, 0 to 1; None once it is fully grown.

        Returns:
            Scores [N], higher is more real, and label logits [N, classes].
        """
        res = self.resolution
        x = lrelu(self.from_rgb[str(res)](images))
        if res > 4:
            x = self.blocks[str(res)](x)
        if fade is not None:
            old = lrelu(self.from_rgb[str(res // 2)](downsample(images)))
            x = torch.lerp(old, x, fade.to(x.dtype))
        for below in reversed(resolutions(max(res // 2, 4))):
            x = self.blocks[str(below)](x)
        return x[:, 0], x[:, 1:]
