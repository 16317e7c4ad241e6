"""The layers of both networks. N images, C in and K out feature maps, H x W pixels.

Equalised learning rate (Karras et al. 2018, section 4.1): weights are N(0, 1) in memory and scaled
at run time by He's constant, gain / sqrt(fan_in), so that Adam's steps move all of them alike.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RELU_GAIN = math.sqrt(2.0)
EPSILON = 1e-8


class Equalised(nn.Module):
    """A weight scaled at run time, and a bias. Uninitialised: see `nets.weights`."""

    def __init__(self, shape: tuple[int, ...], maps: int, fan_in: int, gain: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(maps))
        self.scale = gain / math.sqrt(fan_in)

    def scaled(self) -> Tensor:
        """The weight that the convolution uses."""
        return self.weight * self.scale


class Conv(Equalised):
    """Convolution [N, C, H, W] -> [N, K, H, W], odd kernel, zero padding."""

    def __init__(self, maps_in: int, maps: int, kernel: int, gain: float = RELU_GAIN) -> None:
        super().__init__((maps, maps_in, kernel, kernel), maps, maps_in * kernel**2, gain)
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, K, H, W]."""
        return F.conv2d(x, self.scaled(), self.bias, padding=self.padding)


class UpConv(Conv):
    """Nearest-neighbour upsampling, then a 3x3 convolution, as one transposed convolution.

    Transposed, the kernel acts turned by half a turn; to weights that are drawn it is the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, K, 2H, 2W]."""
        kernel = four_copies(self.scaled()).transpose(0, 1)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


class DownConv(Conv):
    """A 3x3 convolution, then 2x2 averaging, as one strided convolution."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, K, H/2, W/2]."""
        return F.conv2d(x, four_copies(self.scaled()) / 4, self.bias, stride=2, padding=1)


class Dense(Equalised):
    """Linear layer [N, C] -> [N, K]."""

    def __init__(self, maps_in: int, maps: int, gain: float = RELU_GAIN) -> None:
        super().__init__((maps, maps_in), maps, maps_in, gain)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C] -> [N, K]."""
        return F.linear(x, self.scaled(), self.bias)


class Seed4x4(Equalised):
    """A 4x4 convolution on the padded 1x1 latent: the generator's first layer.

    Its bias is one number a feature map. He's fan-in counts the 16 taps (Theano); TensorFlow's gain
    of sqrt(2) / 4 with the latent's size as fan-in is the same number.
    """

    def __init__(self, size: int, maps: int) -> None:
        super().__init__((size, maps, 4, 4), maps, size * 16, RELU_GAIN)

    def forward(self, z: Tensor) -> Tensor:
        """[N, C] -> [N, K, 4, 4]."""
        return F.conv_transpose2d(z[:, :, None, None], self.scaled(), self.bias)


def four_copies(kernel: Tensor) -> Tensor:
    """[K, C, 3, 3] -> [K, C, 4, 4]: the sum of its four shifts by one pixel.

    Convolving with a 2x2 box is what both nearest upsampling (of the zero-stuffed image) and 2x2
    averaging (times 4) do; folded into the kernel, either costs 16 taps on the small image instead
    of 36.
    """
    padded = F.pad(kernel, (1, 1, 1, 1))
    return padded[..., 1:, 1:] + padded[..., 1:, :-1] + padded[..., :-1, 1:] + padded[..., :-1, :-1]


def lrelu(x: Tensor) -> Tensor:
    """Leaky ReLU, slope 0.2."""
    return F.leaky_relu(x, 0.2)


def pixel_norm(x: Tensor) -> Tensor:
    """Unit mean square over feature maps at each pixel (paper, section 4.2): `x`'s shape."""
    mean_square = x.float().square().mean(dim=1, keepdim=True)
    return x * (mean_square + EPSILON).rsqrt().to(x.dtype)


def minibatch_stddev(x: Tensor, group: int) -> Tensor:
    """Append the minibatch's mean standard deviation as one map (paper, section 3).

    The population deviation over the group's samples, at each feature and position, then averaged
    over both. Sample i is in group i mod (N / group); a smaller minibatch is one group.

    Args:
        x: [N, C, H, W].
        group: samples a group; 0 for the whole minibatch.

    Returns:
        [N, C + 1, H, W].
    """
    N, _, H, W = x.shape
    size = min(group or N, N)
    y = x.float().unflatten(0, (size, N // size))  # [G, N/G, C, H, W]
    deviation = (y.var(dim=0, correction=0) + EPSILON).sqrt()  # [N/G, C, H, W]
    means = deviation.mean(dim=(1, 2, 3)).to(x.dtype)  # [N/G]
    return torch.cat([x, means.repeat(size).view(N, 1, 1, 1).expand(N, 1, H, W)], dim=1)


def upsample(x: Tensor) -> Tensor:
    """Nearest neighbour: [N, C, H, W] -> [N, C, 2H, 2W]."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def downsample(x: Tensor) -> Tensor:
    """2x2 box: [N, C, H, W] -> [N, C, H/2, W/2]."""
    return F.avg_pool2d(x, 2)
