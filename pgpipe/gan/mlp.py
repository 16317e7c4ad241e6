"""Fully connected networks, as the first GANs had them (Goodfellow et al. 2014): no growing.

G has two hidden layers of rectifiers; D has two of maxout, the largest of five linear pieces
(Goodfellow et al. 2013). While D trains, a fifth of the pixels and half of its hidden features are
dropped (Srivastava et al. 2014). Widths are the paper's code's: G's hidden units are `nf` at 4x4,
1200 there; D's are `nf` divided by K, 240 where K is 5.

The released code differs: images in [0, 1] and a sigmoid at the end of G, where a tanh and [-1, 1]
are the same but for the scale of the last layer; momentum, a falling learning rate, first biases of
G from the data, and no average of G. Its second networks, for colour images, have a sigmoid layer.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from torch import Tensor, nn

from pgpipe import rng
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.discriminator import Discriminator, Drawn
from pgpipe.gan.generator import Generator
from pgpipe.gan.layers import Dense, LayerOptions, in_float32
from pgpipe.gan.minibatch import noise_before
from pgpipe.gan.systems import MAXOUT_PIECES
from pgpipe.gan.widths import discriminator_maps, feature_maps

SPREADS = {"G": 0.05 / math.sqrt(3), "D": 0.005 / math.sqrt(3)}  # of U(-0.05, 0.05), and a tenth
DROPPED_PIXELS, DROPPED_FEATURES = 0.2, 0.5


def dense(features: int, units: int, network: str) -> Dense:
    """Return a layer with the first weights' spread of a network."""
    layer = Dense(features, units, options=LayerOptions(equalised=False))
    layer.initial["weight"] = (0.0, SPREADS[network])
    return layer


def maxout(x: Tensor) -> Tensor:
    """Return the largest of each unit's pieces: [N, 5 K] -> [N, K]."""
    largest: Tensor = x.unflatten(1, (-1, MAXOUT_PIECES)).amax(dim=2)
    return largest


class Pixels(nn.Module):
    """[N, K] -> [N, C, R, R]."""

    def __init__(self, features: int, channels: int, resolution: int) -> None:
        super().__init__()
        self.shape = (channels, resolution, resolution)
        self.dense = dense(features, math.prod(self.shape), "G")

    def forward(self, x: Tensor) -> Tensor:
        """[N, K] -> [N, C, R, R]."""
        pixels: Tensor = self.dense(x).unflatten(1, self.shape)
        return pixels


class MlpGenerator(Generator):
    """Latent -> image."""

    def add(self, resolution: int) -> None:
        """Add the hidden layers, or those that end at a resolution."""
        spec = self.spec
        units = feature_maps(spec, 4)
        if resolution == 4:
            first = dense(spec.latent_size + spec.condition, units, "G")
            self.blocks["4"] = nn.Sequential(first, nn.ReLU(), dense(units, units, "G"), nn.ReLU())
        if resolution == self.resolution:
            self.to_rgb[str(resolution)] = Pixels(units, spec.channels, resolution)


class Score(nn.Module):
    """[N, C, R, R] -> score and label logits [N, 1 + classes]."""

    def __init__(self, spec: NetworkSpec, resolution: int) -> None:
        super().__init__()
        units, pixels = discriminator_maps(spec, 4), spec.channels * resolution**2
        self.flatten = nn.Flatten()
        self.first = dense(pixels, MAXOUT_PIECES * units, "D")
        self.second = dense(units, MAXOUT_PIECES * units, "D")
        self.score = dense(units, 1 + spec.condition, "D")

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, R, R] -> [N, 1 + classes]."""
        x = maxout(self.first(self.flatten(x)))
        return in_float32(self.score, maxout(self.second(x)))


class MlpDiscriminator(Discriminator):
    """Image -> score."""

    drops = True

    def add(self, resolution: int) -> None:
        """Add all layers, which are those of one resolution."""
        if resolution == self.resolution:
            self.blocks["4"] = Score(self.spec, resolution)

    def down_to_4x4(self, images: Tensor, fade: Tensor | None) -> Tensor:
        """Return the images themselves."""
        assert fade is None, "fully connected networks do not grow"
        return images

    @contextmanager
    def dropout(self, key: Tensor, drawn: Drawn) -> Iterator[None]:
        """Drop inputs of the layers while the block runs; see `Discriminator.dropout`."""
        score = self.blocks["4"]
        assert isinstance(score, Score)
        shares = {
            score.first: DROPPED_PIXELS,
            score.second: DROPPED_FEATURES,
            score.score: DROPPED_FEATURES,
        }
        with ExitStack() as stack:
            for number, (layer, share) in enumerate(shares.items()):
                drop = partial(dropped, share, rng.mix(key + number), drawn)
                stack.enter_context(noise_before([layer], drop))
            yield


def dropped(share: float, key: Tensor, drawn: Drawn, x: Tensor) -> Tensor:
    """Return features [N, C] without a share of them, and the rest as much larger."""
    uniform = drawn(lambda n: rng.uniform((n, x.shape[1]), key))
    return x * (uniform >= share).to(x.dtype) / (1 - share)
