"""Both networks as the paper's table 2 and the switches of its table 1 have them, in numpy.

From the named parameters of a network of ours; a normalisation stands where a layer has a gain.
"""

from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from literal import layers
from literal.layers import Array, blown_up, box, lrelu
from pgpipe import rng
from pgpipe.gan.config import NetworkSpec

GAIN = np.sqrt(2)

Step = Callable[[Array], Array]


def quiet(x: Array) -> Array:
    return x


def noise(strength: float, key: Tensor) -> Step:
    """One factor 1 + strength sqrt(C) N(0, 1) for each image and map, another at each call."""

    def noisy(x: Array) -> Array:
        nonlocal key
        key = rng.mix(key)
        drawn = rng.normal(x.shape[:2], key).numpy()
        return np.asarray(x * (1 + strength * np.sqrt(x.shape[1]) * drawn)[:, :, None, None])

    return noisy


class Literal:
    """The parameters by name, and layers that use them: linear map, norm, gain, bias."""

    def __init__(self, net: nn.Module, spec: NetworkSpec) -> None:
        self.named = {name: p.detach().double().numpy() for name, p in net.named_parameters()}
        self.spec = spec

    def weight(self, name: str, fan_in: int, gain: float) -> Array:
        scale = gain / np.sqrt(fan_in) if self.spec.equalised_lr else 1
        return np.asarray(self.named[f"{name}.weight"] * scale)

    def finished(self, x: Array, name: str) -> Array:
        gain, bias = self.named.get(f"{name}.norm.gain"), self.named[f"{name}.bias"]
        if gain is None:
            return np.asarray(x + (layers.by_map(bias, x) if bias.ndim == 1 else bias))
        if gain.ndim:
            return layers.batch_norm(x, gain, bias)
        return layers.layer_norm(x, float(gain), bias)

    def conv(
        self, x: Array, name: str, gain: float = GAIN, turned: bool = False, pooled: bool = False
    ) -> Array:
        """`turned`: transposed, whose weight is [C, K, size, size]."""
        size = self.named[f"{name}.weight"].shape[-1]
        weight = self.weight(name, x.shape[1] * size**2, gain)
        out = layers.conv(x, weight.swapaxes(0, 1) if turned else weight, turned)
        return self.finished(box(out) if pooled else out, name)

    def dense(self, x: Array, name: str, gain: float = GAIN) -> Array:
        return self.finished(x @ self.weight(name, x.shape[1], gain).T, name)

    def seed(self, x: Array, name: str) -> Array:
        """4x4 convolution of the padded 1x1 latent, of whose 16 taps each output meets one."""
        weight = self.weight(name, 16 * x.shape[1], GAIN)
        return self.finished(np.einsum("nc,ckij->nkij", x, weight), name)

    def joined(self, z: Array, labels: list[int] | None) -> Array:
        """Latents and one-hot labels, normalised as the spec says."""
        if self.spec.latent_norm == "latent":
            z = layers.pixel_norm(z)
        if labels is not None:
            z = np.concatenate([z, np.eye(self.spec.classes)[labels]], axis=1)
        return layers.pixel_norm(z) if self.spec.latent_norm == "joined" else z

    def active(self, x: Array, slope: float = 0.2, norm: bool = True) -> Array:
        """What follows a layer of G but toRGB."""
        x = lrelu(x, 0 if self.spec.generator_activation == "relu" else slope)
        if not norm or self.spec.generator_norm not in ("pixel", "response"):
            return x
        after = {"pixel": layers.pixel_norm, "response": layers.response_norm}
        return after[self.spec.generator_norm](x)


class LiteralGenerator(Literal):
    def __call__(
        self, z: Array, resolution: int, labels: list[int] | None = None, fade: float = 1
    ) -> Array:
        x = self.seed(self.joined(z, labels), "blocks.4.seed")
        x = self.active(x, norm=self.spec.first_layer != "no-norm")
        x = self.active(self.conv(x, "blocks.4.conv"))
        images = self.conv(x, "to_rgb.4", gain=1)
        size = 4
        while size < resolution:
            size, old = 2 * size, images
            x = self.active(self.conv(blown_up(x), f"blocks.{size}.up", turned=True))
            x = self.active(self.conv(x, f"blocks.{size}.conv"))
            images = self.conv(x, f"to_rgb.{size}", gain=1)
        images = images if fade == 1 else (1 - fade) * blown_up(old) + fade * images
        return np.tanh(images) if self.spec.tanh else images


class LiteralDiscriminator(Literal):
    def from_rgb(self, images: Array) -> Array:
        return lrelu(self.conv(images, f"from_rgb.{images.shape[2]}"))

    def block(self, x: Array, noise: Step) -> Array:
        size, fused = x.shape[2], self.spec.fused_downsampling
        x = lrelu(self.conv(noise(x), f"blocks.{size}.conv"))
        x = lrelu(self.conv(noise(x), f"blocks.{size}.down", pooled=fused))
        return x if fused else box(x)

    def features(
        self,
        images: Array,
        groups: int = 1,
        fade: float = 1,
        noise: Step = quiet,
        labels: list[int] | None = None,
    ) -> Array:
        """[N, hidden]; `groups` 0: no minibatch stddev; `labels` of a joint score."""
        x = self.from_rgb(images)
        if images.shape[2] > 4:
            x = self.block(x, noise)
        if fade < 1:
            x = (1 - fade) * self.from_rgb(box(images)) + fade * x
        while x.shape[2] > 4:
            x = self.block(x, noise)
        x = layers.with_stddev(x, groups) if groups else x
        if labels is not None:
            maps = np.zeros((len(x), self.spec.classes, 4, 4))
            for number, label in enumerate(labels):
                maps[number, label] = 1
            x = np.concatenate([x, maps], axis=1)
        x = noise(lrelu(self.conv(noise(x), "blocks.4.conv")))
        return lrelu(self.dense(x.reshape(len(x), -1), "blocks.4.dense"))

    def __call__(
        self,
        images: Array,
        groups: int = 1,
        fade: float = 1,
        noise: Step = quiet,
        labels: list[int] | None = None,
    ) -> Array:
        """Scores and logits [N, 1 + classes], or with labels joint scores [N, 1]."""
        x = self.features(images, groups, fade, noise, labels)
        if self.spec.minibatch_discrimination:
            parts = ("direction", "log_length", "bias")
            kernels = (self.named[f"blocks.4.discrimination.{part}"] for part in parts)
            x = layers.discrimination(x, *kernels)
        return self.dense(x, "blocks.4.score", gain=1)
