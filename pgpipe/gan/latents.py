"""Latents, which images are drawn from: of N(0, I), or uniform on [-1, 1] in each number.

Whoever draws latents, goes from one to another or searches among them asks here, so that each image
is drawn from what G was trained on. L is the latent size.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pgpipe import rng
from pgpipe.gan.config import NetworkSpec

SAME = 1e-6  # angle: rounding makes it of a latent and itself


def draw(spec: NetworkSpec, count: int, key: Tensor) -> Tensor:
    """Return latents [count, L], a function of the key."""
    shape = (count, spec.latent_size)
    return rng.normal(shape, key) if spec.latents == "normal" else 2 * rng.uniform(shape, key) - 1


def path(spec: NetworkSpec, ends: Tensor, steps: int) -> Tensor:
    """Return the ways between consecutive latents [n + 1, L], so many steps each: [n * steps, L].

    Normal latents go along great circles while their length changes evenly, as codes of photographs
    do; uniform ones straight, which stays inside the cube.
    """
    t = torch.linspace(0, 1, steps)[None, :, None]
    if spec.latents == "uniform":
        return torch.lerp(ends[:-1, None], ends[1:, None], t).flatten(0, 1)
    lengths = ends.norm(dim=1, keepdim=True)
    length = torch.lerp(lengths[:-1, None], lengths[1:, None], t).flatten(0, 1)
    return spherical_path(ends, steps) * length


def spherical_path(ends: Tensor, steps: int) -> Tensor:
    """Return great circles between latents (Shoemake 1985): [n + 1, L] -> [n * steps, L].

    Their length is 1; between a latent and itself nothing moves.
    """
    unit: Tensor = ends / ends.norm(dim=1, keepdim=True)
    angle = (unit[:-1] * unit[1:]).sum(dim=1).clamp(-1, 1).acos()[:, None, None]  # [n, 1, 1]
    t = torch.linspace(0, 1, steps)[None, :, None]  # [1, steps, 1]
    start, end = unit[:-1, None], unit[1:, None]  # [n, 1, L]
    arc = ((1 - t) * angle).sin() * start + (t * angle).sin() * end
    still = angle < SAME
    return torch.where(still, start, arc / angle.sin().where(~still, 1.0)).flatten(0, 1)


def brought_back(spec: NetworkSpec, z: Tensor) -> Tensor:
    """Return the nearest latents [N, L] to where a search has gone.

    Normal ones lie near the sphere of radius sqrt(L), uniform ones in the cube.
    """
    if spec.latents == "normal":
        return F.normalize(z, dim=1) * math.sqrt(z.shape[1])
    return z.clamp(-1, 1)


def from_smooth(spec: NetworkSpec, smooth: Tensor) -> Tensor:
    """Return latents [..., L] made of Gaussian noise that was smoothed over time, of any size.

    Normal ones get the length that is expected of them; of uniform ones each number is its share of
    the normal distribution, from -1 to 1.
    """
    unit = smooth / smooth.square().mean(dim=-1, keepdim=True).sqrt()
    return unit if spec.latents == "normal" else torch.erf(unit / math.sqrt(2))
