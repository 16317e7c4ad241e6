"""How D sees a minibatch as a whole, so that fakes which are all alike give themselves away.

N images, C features, K kernels.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pgpipe import rng
from pgpipe.gan.layers import without_autocast
from pgpipe.gan.widths import DISCRIMINATION

EPSILON = 1e-8
ROUNDING = 1e-5  # of the largest projection: images that are nearer do not differ


def minibatch_stddev(x: Tensor, group: int) -> Tensor:
    """Append the minibatch's mean standard deviation as one map (paper, section 3).

    The population deviation over the group's samples, at each feature and position, then averaged
    over both. Sample i is in group i mod (N / group); a smaller minibatch is one group.

    Args:
        x: [N, C, H, W].
        group: samples per group; 0 for the whole minibatch.

    Returns:
        [N, C + 1, H, W].
    """
    N, _, H, W = x.shape
    size = min(group or N, N)
    y = x.float().unflatten(0, (size, N // size))  # [G, N/G, C, H, W]
    centred = y - y.mean(dim=0)  # torch's `var` is slower over the first dimension
    deviation = (centred.square().mean(dim=0) + EPSILON).sqrt()  # [N/G, C, H, W]
    means = deviation.mean(dim=(1, 2, 3)).to(x.dtype)  # [N/G]
    return torch.cat([x, means.repeat(size).view(N, 1, 1, 1).expand(N, 1, H, W)], dim=1)


class MinibatchDiscrimination(nn.Module):
    """Append each image's closeness to the others (Salimans et al. 2016, section 3.2).

    A kernel projects the features to 5 numbers; closeness is the sum over the other images of
    exp(-L1 distance). Directions and lengths of the projections are parameters of their own
    (weight normalisation), so that `fit` can set the lengths from data.
    """

    def __init__(self, features: int, kernels: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(features, kernels, DISCRIMINATION))
        self.log_length = nn.Parameter(torch.empty(kernels, DISCRIMINATION))
        self.bias = nn.Parameter(torch.empty(kernels))
        self.initial = {"direction": (0.0, 0.05), "log_length": (0.0, 0.0), "bias": (-1.0, 0.0)}

    def forward(self, x: Tensor) -> Tensor:
        """[N, C] -> [N, C + K]."""
        y = self.projected(x.float())
        distances = (y[:, None] - y[None]).abs().sum(dim=3)  # [N, N, K]
        closeness = (-distances).exp().sum(dim=1) - 1  # without an image's closeness to itself
        return torch.cat([x, (closeness + self.bias).to(x.dtype)], dim=1)

    def projected(self, x: Tensor) -> Tensor:
        """[N, C] -> [N, K, 5]."""
        lengths = self.log_length.exp() / self.direction.square().sum(dim=0).sqrt()
        # Of images nearly alike, bfloat16 would round the differences away.
        with without_autocast(x):
            projections: Tensor = torch.tensordot(x, self.direction * lengths, 1)
        return projections

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Set lengths and biases from the features [N, C] of reals.

        Afterwards the mean distance to the nearest image that differs is 2, and the mean output 0.
        Equal images say nothing of the scale, which the papers' codes take to be 0 then; where all
        are equal, lengths stay.
        """
        y = self.projected(x.float()).transpose(0, 1)  # [K, N, 5]
        distances = torch.cdist(y, y, p=1)  # [K, N, N]
        equal = distances <= ROUNDING * y.abs().amax(dim=(1, 2), keepdim=True)
        nearest = distances.masked_fill(equal, torch.inf).amin(dim=2)  # [K, N]
        nearest[nearest.isinf()] = torch.nan  # of an image that all others are equal to
        half_nearest = (nearest.nanmean(dim=1) / 2).nan_to_num(nan=1.0)  # [K]
        self.log_length.sub_(half_nearest.log()[:, None])
        closeness = (-distances / half_nearest[:, None, None]).exp().sum(dim=2) - 1  # [K, N]
        self.bias.copy_(-closeness.mean(dim=1))


@contextmanager
def noise_before(modules: Iterable[nn.Module], noise: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let the input of each of these modules go through `noise` while the block runs."""
    hooks = [
        module.register_forward_pre_hook(lambda _, inputs: (noise(inputs[0]),))
        for module in modules
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class Noise:
    """Multiplicative Gaussian noise on feature maps, drawn anew at each call (appendix B).

    Every image's every map is multiplied by 1 + strength sqrt(C) N(0, 1), as the Theano code does.
    """

    def __init__(
        self, strength: Tensor, key: Tensor, whole: int = 0, rows: Tensor | None = None
    ) -> None:
        """Draw for `whole` images, of which a micro-batch sees those at `rows`."""
        self.strength, self.key, self.whole, self.rows = strength, key, whole, rows

    def __call__(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        N, C = x.shape[:2]
        self.key = rng.mix(self.key)
        normal = rng.normal((self.whole or N, C), self.key)
        if self.rows is not None:
            normal = normal[self.rows]
        factors = 1 + self.strength * C**0.5 * normal
        noisy: Tensor = x * factors.view(N, C, 1, 1).to(x.dtype)
        return noisy
