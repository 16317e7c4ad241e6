"""The nearest training images of generated ones, and whether a generator copies them.

A distance is the root of the mean squared difference of two images' numbers: their pixels, or any
features. Of small distances alone little follows, as a smooth image is near to many. So what is
judged is the ratio of Carlini et al. (2023, "Extracting training data from diffusion models",
section 5): the distance to the nearest training image, over the mean distance to the 50 nearest. It
is 0 for a copy, and near 1 where no training image stands out.

A ratio is suspicious where it is below those of 99 % of reals that were not trained on, or of
training images among the others. A generator copies if over 3 times as many of its images are
suspicious as are of reals, and of images that are like the reals so many would be so with a
probability below 0.005. The test is of the ranks of both sets together, and exact whatever their
distributions where those reals are held out. (The U statistic of Meehan et al. 2020, of the ranks
of all distances, sees a generator whose images are all too near, and hardly one that copies every
tenth image.)
"""

from collections.abc import Callable, Iterable, Iterator
from math import comb
from typing import NamedTuple

import torch
from torch import Tensor

from pgpipe.images import Images, Readable
from pgpipe.metrics.precision_recall import squared_distances
from pgpipe.metrics.streams import stream

NEIGHBOURS = 50
BLOCK = 512  # training images that are compared at once
SUSPICIOUS = 0.01  # of reals
TIMES, CHANCE = 3.0, 0.005

Embedding = Callable[[Images], Tensor]  # uint8 [n, R, R, C] -> numbers [n, D]
Watch = Callable[[Iterable[Tensor]], Iterable[Tensor]]  # passes blocks on, and counts


class Near(NamedTuple):
    """The nearest training images of n images, the nearest first; of few, fewer than 50."""

    distances: Tensor  # float64 [n, K]
    indices: Tensor  # int64 [n, K], in the training set
    mirrored: Tensor  # bool [n, K]: whether the training image is so with left and right exchanged

    def of(self, rows: slice) -> "Near":
        """Return the neighbours of some of the images."""
        return Near(*(values[rows] for values in self))

    @property
    def ratios(self) -> Tensor:
        """Return the ratio of each image; 1 where all neighbours are the same: float64 [n]."""
        there = self.distances.isfinite()
        mean = torch.where(there, self.distances, 0.0).sum(dim=1) / there.sum(dim=1)
        return (self.distances[:, 0] / mean).nan_to_num(nan=1.0, posinf=1.0)


class Verdict(NamedTuple):
    """How many generated images are suspiciously near to a training image."""

    threshold: float  # ratios below it are suspicious
    suspicious: Tensor  # bool [n]
    expected: float  # share of images that are like the reals
    chance: float  # that of such images as many are suspicious

    @property
    def share(self) -> float:
        """Return the share of the generated images that are suspicious."""
        return float(self.suspicious.double().mean())

    @property
    def copies(self) -> bool:
        """Return whether it is an alarm."""
        return self.share > TIMES * self.expected and self.chance < CHANCE


class Found(NamedTuple):
    """What was found in one space."""

    name: str
    generated: Near
    reals: Near
    verdict: Verdict


def verdict(generated: Tensor, reals: Tensor) -> Verdict:
    """Judge the ratios [n] of generated images by those [m] of reals."""
    rank = max(1, round(SUSPICIOUS * len(reals)))
    threshold = reals.kthvalue(rank).values
    suspicious = generated < threshold
    found = chance(int(suspicious.sum()), len(generated), rank, len(reals))
    return Verdict(float(threshold), suspicious, rank / (len(reals) + 1), found)


def chance(below: int, generated: int, rank: int, reals: int) -> float:
    """The probability that of n images like m reals so many or more lie below the rank-th real.

    That is so if, of the first below + rank - 1 of all in order, less than `rank` are reals, and
    every order is equally likely: the distribution is hypergeometric.
    """
    first = below + rank - 1
    ways = sum(comb(reals, k) * comb(generated, first - k) for k in range(min(rank, first + 1)))
    return ways / comb(reals + generated, first)


def nearest(
    embed: Embedding,
    images: list[Readable],
    own: Tensor,
    training: Readable,
    mirror: bool = False,
    watch: Watch = iter,
) -> Near:
    """Find the neighbours of all images in a training set, which is read once.

    Args:
        embed: gives the numbers that are compared.
        images: sets of them, one after the other, n in all.
        own: int64 [n], where an image is itself one of the training set its index there, else -1;
            neither it nor an equal one is then its neighbour.
        training: of any number.
        mirror: compare with the mirrored training images, too.
        watch: shows how many of the training images there were.
    """

    def flipped(batch: Images) -> Tensor:
        return embed(batch[:, :, ::-1].copy())

    ways = [embed, flipped] if mirror else [embed]
    sides = [torch.cat([x for some in images for x in blocks(way, some)]) for way in ways]
    n, start = len(own), 0
    best = Near(*(torch.empty(n, 0, dtype=kind) for kind in (torch.double, torch.long, torch.bool)))
    for others in watch(blocks(embed, training)):
        for number, rows in enumerate(sides):
            best = merged(best, compared(rows, others, own, start, number > 0))
        start += len(others)
    return best._replace(distances=best.distances.sqrt())


def blocks(embed: Embedding, images: Readable) -> Iterator[Tensor]:
    """Yield the numbers of all images, some hundreds at once: float64 [n, D]."""
    held: list[Tensor] = []
    for batch in stream(images)():
        held.append(embed(batch).double())
        if sum(map(len, held)) >= BLOCK:
            yield torch.cat(held)
            held = []
    if held:
        yield torch.cat(held)


def compared(rows: Tensor, others: Tensor, own: Tensor, start: int, mirrored: bool) -> Near:
    """Return the mean squared differences of [n, D] and [m, D], and whose they are."""
    squares = (squared_distances(rows, others) / rows.shape[1]).cpu()
    indices = torch.arange(start, start + len(others)).expand(len(rows), -1)
    is_own = (indices == own[:, None]) | ((squares == 0) & (own >= 0)[:, None])
    squares[is_own] = torch.inf
    return Near(squares, indices, torch.full(indices.shape, mirrored))


def merged(a: Near, b: Near) -> Near:
    """Return the nearest of both."""
    both = Near(*(torch.cat(pair, dim=1) for pair in zip(a, b, strict=True)))
    count = min(NEIGHBOURS, both.distances.shape[1])
    distances, places = both.distances.topk(count, largest=False)
    return Near(distances, both.indices.gather(1, places), both.mirrored.gather(1, places))
