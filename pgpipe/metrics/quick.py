"""Quick scores: the same metrics on few images, again and again against the same reals.

What the reals are compared by is computed once. Few images have a high floor and differ from
their like by chance, so quick scores compare with one another alone.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pgpipe.images import Readable
from pgpipe.metrics import features, frechet, inception
from pgpipe.metrics.inception_v3 import InceptionV3
from pgpipe.metrics.ms_ssim import ms_ssim_of_pairs
from pgpipe.metrics.patches import PATCHES, describe
from pgpipe.metrics.scores import beside
from pgpipe.metrics.streams import stream
from pgpipe.metrics.swd import SCALE, difference, directions, project, sort
from pgpipe.metrics.table import QUICK

Scores = dict[str, float]

DESCRIPTORS_BYTES = 1 << 30  # of all levels, that are kept in memory


class Known(NamedTuple):
    """What images are compared with."""

    projections: dict[int, Tensor]  # by level, each direction's sorted: [512, N * 128]
    pooled: Tensor  # of the Inception network [N, 2048]; [0] without it


class QuickScores:
    """Scores any N images against N reals by the protocols of `pgpipe.metrics`.

    The Inception score alone compares with nothing, and takes more than N where it is given more.
    """

    def __init__(
        self,
        reals: Readable,
        others: Readable,
        seed: int,
        device: torch.device,
        network: InceptionV3 | None = None,
        splits: int = 1,
    ) -> None:
        """Compare with `reals`; `others`, as many or more, say what reals themselves score.

        `splits` are the Inception score's.
        """
        self.seed, self.device, self.network = seed, device, network
        self.count, self.splits = len(reals), splits
        self.known = Known(self.projections(reals, "real"), self.features(reals).pooled)
        self.own = self.scores(others)

    def of(self, images: Readable) -> Scores:
        """Return scores of uint8 [N or more, R, R, C] beside the reals' own: `swd_R`, ..."""
        return {k: v for k, v in beside(self.scores(images), self.own).items() if v is not None}

    def scores(self, images: Readable) -> Scores:
        """Return the scores without the reals' own."""
        compared = images if len(images) == self.count else images[: self.count]
        found = self.distances(compared)
        found["ms_ssim"] = float(ms_ssim_of_pairs(stream(compared), self.device).mean())
        if self.network is not None:
            seen = self.features(images)
            found["inception_score"], _ = inception.inception_score(seen.probabilities, self.splits)
            found["fid"] = frechet.fid(seen.pooled[: self.count], self.known.pooled)
        return found

    def distances(self, images: Readable) -> Scores:
        """`swd_R` of each level and `swd_avg`, as `pgpipe.metrics.swd` defines them."""
        fakes = self.projections(images, "fake")
        found = {
            f"swd_{level}": SCALE * difference(fakes[level], reals) / reals.numel()
            for level, reals in self.known.projections.items()
        }
        return {**found, "swd_avg": sum(found.values()) / len(found)}

    def projections(self, images: Readable, name: str) -> dict[int, Tensor]:
        """Project the patches of each level on all directions, and sort: [512, N * 128]."""
        axes, found = directions(self.seed, self.device), {}
        levels = describe(stream(images), name, self.seed, self.device, DESCRIPTORS_BYTES)
        for level, patches in levels.items():
            found[level] = axes.new_empty(axes.shape[1], len(images) * PATCHES)
            project(patches, axes, found[level])
            sort(found[level])
        return found

    def features(self, images: Readable) -> features.Features:
        """Return features by the Inception network; none without it."""
        if self.network is None:
            return features.Features(torch.empty(0), torch.empty(0))
        return features.of(self.network, stream(images)())


def better(metric: str, a: float, b: float) -> bool:
    """Whether the score `a` of a metric is better than `b`."""
    return a > b if QUICK[metric].higher_is_better else a < b
