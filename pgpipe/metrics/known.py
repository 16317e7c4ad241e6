"""Sets whose scores are known beforehand, to try the metrics on before anything unknown.

The reference gate: each check is a set made here, or the reals, with the score that it must have.
"""

import math
from collections.abc import Iterator
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pgpipe import rng
from pgpipe.errors import IntegrityError
from pgpipe.images import Images
from pgpipe.metrics.frechet import fid
from pgpipe.metrics.inception import inception_score
from pgpipe.metrics.ms_ssim import ms_ssim
from pgpipe.metrics.streams import stream
from pgpipe.metrics.swd import swd

SEED = 0
ROUNDING = 1e-4
SIDE = 64  # pixels of the flat images: two levels of residuals above the last
DESCRIPTOR = 3 * 7 * 7  # numbers in a patch
# Deviations over seeds: 5 % of a set's own distance, by other patches and directions; 3.3 % of a
# mean over 512 directions. Five of them are no chance.
OTHER_SEED, DIRECTIONS = 0.25, 0.17


class Check(NamedTuple):
    """A score that is known, and what was found instead."""

    name: str
    found: float
    expected: float
    tolerance: float

    def __str__(self) -> str:
        return (
            f"{self.name}: found {self.found:.6g}, expected {self.expected:.6g} "
            f"+- {self.tolerance:.3g}"
        )


def require(check: Check) -> None:
    """Refuse a score, also one that is no number, further off than its tolerance."""
    if not abs(check.found - check.expected) <= check.tolerance:
        raise IntegrityError(f"{check}: the metrics are broken, nothing is scored")


def checks(reals: Images, device: torch.device) -> Iterator[Check]:
    """Everything that is known of the metrics, on two halves of reals uint8 [N, R, R, C] too."""
    yield from of_flat_images(device)
    n = len(reals) // 2
    yield of_halves(reals[:n], reals[n : 2 * n], device)
    x = torch.from_numpy(reals).to(device).permute(0, 3, 1, 2).float()
    yield Check("MS-SSIM of identical pairs", ms_ssim(x, x).mean().item(), 1, ROUNDING)
    yield from of_labels()
    yield from of_features()


def of_flat_images(device: torch.device) -> Iterator[Check]:
    """SWD of images of one gray each: their patches are the same wherever they lie."""
    one, other = np.array([64, 64, 192, 192]), np.array([64, 64, 64, 192])
    a, b = (stream(flat(grays)) for grays in (one, other))
    for resolution, distance in swd(a, a, SEED, device).items():
        yield Check(f"SWD {resolution} of a set with itself", distance, 0, ROUNDING)
    *residuals, last = swd(a, b, SEED, device).values()
    yield Check("SWD of residuals of flat images", sum(residuals), 0, ROUNDING)
    expected = distance_of_flat_images(one, other)
    yield Check("SWD of two sets of flat images", last, expected, DIRECTIONS * expected)
    *_, again = swd(a, b, SEED + 1, device).values()
    yield Check("SWD of the two by another seed", again, expected, DIRECTIONS * expected)


def distance_of_flat_images(one: np.ndarray, other: np.ndarray) -> float:
    """SWD x 10^3 of the last level of images of one of [N] grays each, over all directions.

    A patch is D times its normalised gray; projected, that gray times the sum of a unit vector,
    whose mean absolute value is sqrt(D / pi) gamma(D / 2) / gamma((D + 1) / 2).
    """
    a, b = ((grays - grays.mean()) / grays.std() for grays in (one, other))
    gap = np.abs(np.sort(a) - np.sort(b)).mean()  # the distance in one dimension
    half = DESCRIPTOR / 2
    ratio = math.exp(math.lgamma(half) - math.lgamma(half + 0.5))
    return 1000 * float(gap) * math.sqrt(DESCRIPTOR / math.pi) * ratio


def flat(grays: np.ndarray) -> Images:
    """uint8 [N, SIDE, SIDE, 1], each of one of [N] grays."""
    return np.full((SIDE, SIDE, 1, len(grays)), grays, np.uint8).transpose(3, 0, 1, 2)


def of_halves(a: Images, b: Images, device: torch.device) -> Check:
    """The floor: one half of the reals as if generated, and the other, with another seed.

    Where images are few, all alike or nearly empty, most of a distance is by which patches were
    drawn; that part is what a half scores against itself, by patches of two draws.
    """
    there = fmean(swd(stream(a), stream(b), SEED, device).values())
    back = fmean(swd(stream(b), stream(a), SEED + 1, device).values())
    drawn = fmean(swd(stream(a), stream(a), SEED, device).values())
    tolerance = OTHER_SEED * there + drawn + ROUNDING
    return Check("SWD of two halves of the reals, exchanged", back, there, tolerance)


def of_labels() -> Iterator[Check]:
    """The Inception score's bounds."""
    classes = 10
    one_hot = torch.eye(classes).repeat(4, 1)
    uniform = torch.full_like(one_hot, 1 / classes)
    for name, p, score in (("uniform", uniform, 1), ("one-hot", one_hot, classes)):
        found, _ = inception_score(p, splits=2)
        yield Check(f"Inception score of {name} predictions", found, score, ROUNDING)


def of_features() -> Iterator[Check]:
    """FID of features with a known mean and covariance."""
    size = 32
    draws = rng.uniform((4, size), rng.key(SEED, "known gaussians", 0)).double()
    means, reaches = draws[:2], draws[2:]
    a, b = (cross(mean, reach) for mean, reach in zip(means, reaches, strict=True))
    yield Check("FID of a set with itself", fid(a, a), 0, ROUNDING)
    # Covariances that are diagonal: |m1 - m2|^2 + sum (s1 - s2)^2, s the deviations.
    deviations = reaches * math.sqrt(2 / (2 * size - 1))
    expected = sum((pair[0] - pair[1]).square().sum().item() for pair in (means, deviations))
    yield Check("FID of two Gaussians", fid(a, b), expected, ROUNDING * expected)


def cross(mean: Tensor, reach: Tensor) -> Tensor:
    """2 D points in D dimensions, [2 D, D]: `mean` +- `reach` along each axis.

    Their unbiased covariance is diagonal: 2 reach^2 / (2 D - 1).
    """
    arms = reach.diag()
    return mean + torch.cat([arms, -arms])
