"""The discriminator: image -> score, the generator's mirror image (paper, table 2)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.layers import (
    Conv,
    Dense,
    DownConv,
    Layer,
    LayerOptions,
    beside,
    downsample,
    in_float32,
    lrelu,
    one_hot,
)
from pgpipe.gan.losses.labels import match_scores
from pgpipe.gan.minibatch import MinibatchDiscrimination, minibatch_stddev
from pgpipe.gan.widths import discriminator_maps, hidden_maps, resolutions

Drawn = Callable[[Callable[[int], Tensor]], Tensor]


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
    """[N, C, 4, 4] -> score and label logits [N, 1 + classes].

    Of a joint score there are no logits: labels [N, classes] come in beside the feature maps.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        maps, hidden, options = discriminator_maps(spec, 4), hidden_maps(spec), options_of(spec)
        self.group, kernels = spec.stddev_group, spec.minibatch_discrimination
        self.conv = Conv(maps + spec.stddev_maps + spec.label_maps, maps, 3, options=options)
        self.flatten = nn.Flatten()
        self.dense = Dense(maps * 16, hidden, options=options)
        self.discrimination = MinibatchDiscrimination(hidden, kernels) if kernels else None
        outputs = 1 + spec.label_logits
        self.score = Dense(hidden + kernels, outputs, gain=1.0, options=options.plain)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """[N, C, 4, 4], labels [N, classes] of a joint score -> [N, 1 + classes], or [N, 1]."""
        x = self.features(x, labels)
        if self.discrimination is not None:
            x = self.discrimination(x)
        return in_float32(self.score, x)

    def features(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """[N, C, 4, 4], and labels [N, classes] of a joint score, -> [N, hidden]."""
        if self.group is not None:
            x = minibatch_stddev(x, self.group)
        if labels is not None:
            x = beside(x, labels)
        x = self.flatten(lrelu(self.conv(x)))  # [N, C * 16]
        return lrelu(self.dense(x))


class Discriminator(nn.Module):
    """D grown to one resolution. Weights are named by resolution; growing keeps the names."""

    drops = False  # whether it has features dropped at random while it trains

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

    def forward(
        self, images: Tensor, fade: Tensor | None = None, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Score images.

        Args:
            images: [N, channels, R, R].
            fade: weight [] of the newest block, 0 to 1; None once it is fully grown.
            labels: int64 [N], or vectors of labels or captions, that the images should fit: part of
                the score of `projection` and `joint`, and of no other.

        Returns:
            Scores [N], higher is more real, and label logits [N, condition].
        """
        x, last = self.down_to_4x4(images, fade), self.blocks["4"]
        maps = self.maps(labels, x.dtype)
        out: Tensor = last(x) if maps is None else last(x, maps)
        scores, logits = out[:, 0], out[:, 1:]
        if self.spec.condition and self.spec.conditioning == "projection":
            assert labels is not None
            scores = scores + match_scores(logits, labels)  # Miyato and Koyama 2018, eq. 3
        return scores, logits

    def maps(self, labels: Tensor | None, dtype: torch.dtype) -> Tensor | None:
        """Return the vectors of labels that the block at 4x4 has beside its input, if joint."""
        if not self.spec.label_maps:
            return None
        assert labels is not None
        return one_hot(labels, self.spec.classes, dtype)

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
    def fit(self, images: Tensor, labels: Tensor | None = None) -> None:
        """Set what depends on data from reals [N, channels, R, R]: minibatch discrimination."""
        last = self.blocks["4"]
        if isinstance(last, LastBlock) and last.discrimination is not None:
            x = self.down_to_4x4(images, None)
            last.discrimination.fit(last.features(x, self.maps(labels, x.dtype)))

    def dropout(self, key: Tensor, drawn: Drawn) -> AbstractContextManager[None]:
        """Return a block in which features are dropped: see `mlp`, the only one that has it.

        Args:
            key: of the random numbers.
            drawn: gives the part of this micro-batch of what is drawn for the whole minibatch.
        """
        raise NotImplementedError

    def noisy(self) -> Iterator[nn.Module]:
        """Yield the modules whose input the noise of `lsgan` goes to: 3x3 and 4x4 convolutions."""
        for module in self.blocks.modules():
            convolution = isinstance(module, Layer) and not isinstance(module, Dense)
            if convolution or isinstance(module, nn.Flatten):  # before the dense 4x4 convolution
                yield module
