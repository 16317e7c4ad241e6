"""Forward passes of pytorch_GAN_zoo's and pro_gan_pytorch's networks, by their own names.

Written from what their layers do, in numpy: float64, one convolution a line. `named` are a state
dictionary's arrays. In both, He's constant is sqrt(2 / fan-in) in every layer.
"""

from collections.abc import Mapping

import numpy as np

from literal.layers import Array, blown_up, box, conv, lrelu, pixel_norm

Named = Mapping[str, Array]


def dense(x: Array, weight: Array) -> Array:
    return np.asarray(x @ weight.T)


def zoo_layer(x: Array, named: Named, name: str, equalised: bool = True) -> Array:
    """The output is scaled, bias and all."""
    weight, bias = named[f"{name}.weight"], named[f"{name}.bias"]
    out = conv(x, weight) if weight.ndim == 4 else dense(x, weight)
    out = out + (bias[:, None, None] if weight.ndim == 4 else bias)
    return np.asarray(out * np.sqrt(2 / weight[0].size) if equalised else out)


def zoo_generator(named: Named, latents: Array, tanh: bool, equalised: bool = True) -> Array:
    """Latents have the label's one-hot row behind them."""

    def layer(x: Array, name: str) -> Array:
        return zoo_layer(x, named, name, equalised)

    x = lrelu(layer(pixel_norm(latents), "formatLayer")).reshape(len(latents), -1, 4, 4)
    x = pixel_norm(x)
    x = pixel_norm(lrelu(layer(x, "groupScale0.0")))
    scale = 0
    while f"scaleLayers.{scale}.0.weight" in named:
        x = blown_up(x)
        x = pixel_norm(lrelu(layer(x, f"scaleLayers.{scale}.0")))
        x = pixel_norm(lrelu(layer(x, f"scaleLayers.{scale}.1")))
        scale += 1
    x = layer(x, f"toRGBLayers.{scale}")
    return np.tanh(x) if tanh else x


def zoo_stddev(x: Array, group: int = 4) -> Array:
    """Consecutive images are a group; the deviation is a sample's."""
    extra = np.empty((len(x), 1, *x.shape[2:]))
    for start in range(0, len(x), group):
        members = x[start : start + group]
        centred = members - members.mean(axis=0)
        variance = (centred**2).sum(axis=0) / (len(members) - 1)
        extra[start : start + group] = np.sqrt(variance + 1e-8).mean()
    return np.concatenate([x, extra], axis=1)


def zoo_discriminator(named: Named, images: Array, stddev: bool, equalised: bool = True) -> Array:
    """Scores and logits of the classes."""

    def layer(x: Array, name: str) -> Array:
        return zoo_layer(x, named, name, equalised)

    scale = sum(name.startswith("fromRGBLayers") for name in named) // 2 - 1
    x = lrelu(layer(images, f"fromRGBLayers.{scale}"))
    while scale:
        scale -= 1
        x = lrelu(layer(x, f"scaleLayers.{scale}.0"))
        x = box(lrelu(layer(x, f"scaleLayers.{scale}.1")))
    x = zoo_stddev(x) if stddev else x
    x = lrelu(layer(x, "groupScaleZero.0"))
    x = lrelu(layer(x.reshape(len(x), -1), "groupScaleZero.1"))
    return layer(x, "decisionLayer")


def pro_gan_layer(x: Array, named: Named, name: str, equalised: bool = True) -> Array:
    """The weight is scaled, the bias is not; of 4x4 kernels without padding."""
    weight, bias = named[f"{name}.weight"], named[f"{name}.bias"]
    weight = weight * np.sqrt(2 / weight[0].size) if equalised else weight
    if weight.shape[2] == 4:  # of 4x4 pixels, without padding
        out = np.einsum("ncij,kcij->nk", x, weight)[:, :, None, None]
    else:
        out = conv(x, weight)
    return np.asarray(out + bias[:, None, None])


def pro_gan_generator(named: Named, z: Array, old: bool, equalised: bool = True) -> Array:
    """Version 2 (old) does not normalise latents; neither normalises after the first layer."""
    first = "initial_block" if old else "layers.0"
    x = z if old else pixel_norm(z)
    weight = named[f"{first}.conv_1.weight"]  # [C, K, 4, 4] of a transposed convolution
    weight = weight * np.sqrt(2 / len(weight)) if equalised else weight
    x = np.einsum("nc,ckij->nkij", x, weight) + named[f"{first}.conv_1.bias"][:, None, None]
    x = pixel_norm(lrelu(pro_gan_layer(lrelu(x), named, f"{first}.conv_2", equalised)))
    level = 0
    while f"rgb_converters.{level + 1}.weight" in named:
        block, level = f"layers.{level if old else level + 1}", level + 1
        x = pixel_norm(lrelu(pro_gan_layer(blown_up(x), named, f"{block}.conv_1", equalised)))
        x = pixel_norm(lrelu(pro_gan_layer(x, named, f"{block}.conv_2", equalised)))
    return pro_gan_layer(x, named, f"rgb_converters.{level}", equalised)


def pro_gan_stddev(x: Array, group: int = 4) -> Array:
    """Consecutive images are a group; the deviation is the population's."""
    extra = np.empty((len(x), 1, *x.shape[2:]))
    for start in range(0, len(x), group):
        members = x[start : start + group]
        variance = ((members - members.mean(axis=0)) ** 2).mean(axis=0)
        extra[start : start + group] = np.sqrt(variance + 1e-8).mean()
    return np.concatenate([x, extra], axis=1)


def pro_gan_discriminator(named: Named, images: Array) -> Array:
    """Scores [N] of version 3.1 and later, whose first layers are those of the largest images."""
    last = sum(name.startswith("from_rgb") for name in named) // 2 - 1
    x = lrelu(pro_gan_layer(images, named, "from_rgb.0.0"))
    for place in range(last):
        x = lrelu(pro_gan_layer(x, named, f"layers.{place}.conv_1"))
        x = box(lrelu(pro_gan_layer(x, named, f"layers.{place}.conv_2")))
    x = lrelu(pro_gan_layer(pro_gan_stddev(x), named, f"layers.{last}.conv_1"))
    x = lrelu(pro_gan_layer(x, named, f"layers.{last}.conv_2"))
    return np.asarray(pro_gan_layer(x, named, f"layers.{last}.conv_3")[:, 0, 0, 0])
