"""The layers of both networks. N images, C in and K out feature maps, H x W pixels.

Equalised learning rate (Karras et al. 2018, section 4.1): weights are N(0, 1) in memory and scaled
at run time by He's constant, gain / sqrt(fan_in), so that Adam's steps move all of them alike.
Without it the constant is the standard deviation of the first weights.
"""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgpipe.gan.convolution import conv2d
from pgpipe.gan.normalisation import BatchNorm, LayerNorm

RELU_GAIN = math.sqrt(2.0)

Norm = Literal["none", "batch", "layer"]


@dataclass(frozen=True)
class LayerOptions:
    """What the layers of a network have in common."""

    equalised: bool = True
    norm: Norm = "none"  # between the convolution and its bias

    @property
    def plain(self) -> "LayerOptions":
        """Return the same without normalisation, for layers from or to pixels and scores."""
        return LayerOptions(self.equalised)

    def normalisation(self, maps: int) -> nn.Module | None:
        """Return the normalisation of a layer of so many feature maps, if it has one."""
        match self.norm:
            case "batch":
                return BatchNorm(maps)
            case "layer":
                return LayerNorm()
        return None


EQUALISED = LayerOptions()


class Layer(nn.Module):
    """A weight, a bias, and a normalisation in between. Uninitialised: see `weights`.

    `initial` has the mean and the standard deviation of each parameter's first values.
    """

    keeps = False  # whether `kept` serves all passes, in a block of `kernels_kept`
    kept: tuple[Tensor, ...] = ()  # none or one; a bare parameter would become the module's

    def __init__(
        self, shape: tuple[int, ...], maps: int, fan_in: int, gain: float, options: LayerOptions
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(maps))
        constant = gain / math.sqrt(fan_in)
        self.scale = constant if options.equalised else 1.0
        self.initial = {"weight": (0.0, 1.0 if options.equalised else constant), "bias": (0.0, 0.0)}
        self.norm = options.normalisation(maps)

    def scaled(self) -> Tensor:
        """Return the weight that the layer computes with: the parameter times He's constant."""
        return self.weight if self.scale == 1 else self.weight * self.scale

    def folded(self) -> Tensor:
        """Return the scaled weight in the form that the layer's operation takes."""
        return self.scaled()

    def kernel(self) -> Tensor:
        """Return what the layer's operation takes as its weight."""
        if not self.keeps:
            return self.folded()
        if not self.kept:
            device, kernel = self.weight.device.type, self.folded()
            cast = torch.is_autocast_enabled(device)
            self.kept = (kernel.to(torch.get_autocast_dtype(device)) if cast else kernel,)
        return self.kept[0]

    def linear(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Apply the layer's linear map, with or without a bias."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Apply the linear map, the normalisation if there is one, and the bias."""
        if self.norm is None:
            return self.linear(x, self.bias)
        normalised: Tensor = self.norm(self.linear(x, None), self.bias)
        return normalised


class Conv(Layer):
    """Convolution [N, C, H, W] -> [N, K, H, W], odd kernel, zero padding."""

    transposed = False  # whether the weight is [C, K, ...] instead of [K, C, ...]

    def __init__(
        self,
        maps_in: int,
        maps: int,
        kernel: int,
        gain: float = RELU_GAIN,
        options: LayerOptions = EQUALISED,
    ) -> None:
        ends = (maps_in, maps) if self.transposed else (maps, maps_in)
        super().__init__((*ends, kernel, kernel), maps, maps_in * kernel**2, gain, options)
        self.padding = kernel // 2

    def linear(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """[N, C, H, W] -> [N, K, H, W]."""
        return conv2d(x, self.kernel(), bias, stride=1, padding=self.padding)


class UpConv(Conv):
    """Nearest-neighbour upsampling, then a 3x3 convolution, as one transposed convolution.

    Its weight is [C, K, 3, 3], as torch has it of transposed convolutions: exchanging the first two
    at each step would copy it. Transposed, the kernel acts turned by half a turn, too; to weights
    that are drawn both are the same.
    """

    transposed = True

    def folded(self) -> Tensor:
        """Return the weight with the upsampling's box in it, [C, K, 4, 4]."""
        return 4 * boxed(self.scaled())

    def linear(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """[N, C, H, W] -> [N, K, 2H, 2W]."""
        return F.conv_transpose2d(x, self.kernel(), bias, stride=2, padding=1)


class DownConv(Conv):
    """A 3x3 convolution, then 2x2 averaging, as one strided convolution."""

    def folded(self) -> Tensor:
        """Return the weight with the averaging's box in it, [K, C, 4, 4]."""
        return boxed(self.scaled())

    def linear(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """[N, C, H, W] -> [N, K, H/2, W/2]."""
        return conv2d(x, self.kernel(), bias, stride=2, padding=1)


class Dense(Layer):
    """Linear layer [N, C] -> [N, K]."""

    def __init__(
        self, maps_in: int, maps: int, gain: float = RELU_GAIN, options: LayerOptions = EQUALISED
    ) -> None:
        super().__init__((maps, maps_in), maps, maps_in, gain, options)

    def linear(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """[N, C] -> [N, K]."""
        return F.linear(x, self.kernel(), bias)


class Seed4x4(Layer):
    """A 4x4 convolution on the padded 1x1 latent: the generator's first layer.

    Its bias is one number per feature map, or one per feature map and pixel. He's fan-in counts the
    16 taps (Theano); TensorFlow's gain of sqrt(2) / 4 with the latent's size as fan-in is the same
    number.
    """

    def __init__(
        self, size: int, maps: int, options: LayerOptions = EQUALISED, pixel_bias: bool = False
    ) -> None:
        super().__init__((size, maps, 4, 4), maps, size * 16, RELU_GAIN, options)
        if pixel_bias:
            self.bias = nn.Parameter(torch.empty(maps, 4, 4))

    def linear(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """[N, C] -> [N, K, 4, 4]."""
        # Maps last, so that a weight in the layout `channels_last` need not be copied.
        y: Tensor = torch.tensordot(x, self.kernel().permute(0, 2, 3, 1), 1)  # [N, 4, 4, K]
        y = y.permute(0, 3, 1, 2)
        return y if bias is None else y + bias.view(len(bias), *bias.shape[1:] or (1, 1))


@contextmanager
def kernels_kept(net: nn.Module) -> Iterator[None]:
    """Make the kernels of a network's layers once for all passes through it while the block runs.

    Else each pass scales and folds the weights anew, and casts them to what autocast computes in.
    """
    layers = [module for module in net.modules() if isinstance(module, Layer)]
    for layer in layers:
        layer.keeps = True
    try:
        yield
    finally:
        for layer in layers:
            layer.keeps, layer.kept = False, ()


def one_hot(labels: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """Return labels int64 [N] as vectors [N, classes]; what is vectors stays as it is."""
    if labels.is_floating_point():
        return labels
    return torch.eye(classes, dtype=dtype, device=labels.device)[labels]


def beside(x: Tensor, vectors: Tensor) -> Tensor:
    """Append vectors [N, E] to feature maps [N, C, H, W] as constant maps: [N, C + E, H, W]."""
    maps = vectors.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, maps], dim=1)


def without_autocast(x: Tensor) -> AbstractContextManager[object]:
    """Return a block in which nothing is cast on a tensor's device; `meta` knows no autocast."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


def in_float32(layer: nn.Module, x: Tensor) -> Tensor:
    """Return what a layer makes of x [N, C] in float32, whatever is cast around it.

    A score that is near 0 in bfloat16 would have its loss's gradient rounded away.
    """
    with without_autocast(x):
        out: Tensor = layer(x.float())
    return out


def boxed(kernel: Tensor) -> Tensor:
    """[K, C, 3, 3] -> [K, C, 4, 4]: the mean of its four shifts by one pixel.

    Convolving with a 2x2 box is what both 2x2 averaging and nearest upsampling (of the zero-stuffed
    image, times 4) do; folded into the kernel, either costs 16 taps on the small image instead of
    36. As one operation its derivatives are one each, too.
    """
    return F.avg_pool2d(kernel, 2, stride=1, padding=1)


def lrelu(x: Tensor) -> Tensor:
    """Leaky ReLU, slope 0.2."""
    return F.leaky_relu(x, 0.2)


def upsample(x: Tensor) -> Tensor:
    """Nearest neighbour: [N, C, H, W] -> [N, C, 2H, 2W]."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def downsample(x: Tensor) -> Tensor:
    """2x2 box: [N, C, H, W] -> [N, C, H/2, W/2]."""
    return F.avg_pool2d(x, 2)
