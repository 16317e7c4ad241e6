"""Generated images beside their nearest training images, in pixels and in features, and a verdict.

How near reals come that were not trained on is what they are judged by: of those that are held
out, or, where these are few, of training images among all the others.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgpipe import rng
from pgpipe.data.feeding.multires import (
    HELD_OUT,
    Chosen,
    ImageStore,
    everything,
    read_manifest,
)
from pgpipe.data.preparing.pyramid import pyramid
from pgpipe.images import Images, Readable, to_float
from pgpipe.metrics import classifier, features, inception_file
from pgpipe.metrics.neighbours import Embedding, Found, Watch, nearest, verdict
from pgpipe.metrics.pyramid import laplacian
from pgpipe.plumbing import sealed

SIDE = 32  # pixels at which images are compared, at most; the Inception network sees all of them
SMALLEST = 4  # pixels of the coarsest level of a descriptor
MOST_REALS = 1024  # that images are judged by
ENOUGH = 300  # images that are held out: of fewer, 1 % would say little
SEED = 0  # of the choice of reals


class Space(NamedTuple):
    """Numbers of images whose differences are distances."""

    name: str
    side: int  # pixels of the training images that are read
    embed: Embedding


class Reals(NamedTuple):
    """The reals that generated images are judged by."""

    images: Chosen
    kind: str  # "held out", or "training"
    own: NDArray[np.int64]  # their indices in the training set, or -1

    @property
    def names(self) -> list[str]:
        """Return what each is called: its kind, and its index among those."""
        return [f"{self.kind} {index}" for index in self.images.indices]


def compare(
    data: Path,
    generated: Readable,
    spaces: list[Space],
    mirror: bool,
    watch: Callable[[str, int], Watch] = lambda *_: iter,
) -> list[Found]:
    """Find the neighbours of generated images, and of reals, in each space.

    Args:
        data: folder of the prepared data set.
        generated: uint8 [N, R, R, C] of a resolution that the data set has.
        spaces: where to look.
        mirror: whether training mirrors.
        watch: shows, for a space and its number of training images, how far it is.
    """
    found = []
    for space in spaces:
        training = training_of(data, space.side)
        reals = reals_of(data, space.side)
        own = torch.from_numpy(np.concatenate([np.full(len(generated), -1), reals.own]))
        shown = watch(space.name, len(training))
        both = [generated, reals.images]
        near = nearest(space.embed, both, own, everything(training), mirror, shown)
        ours, theirs = near.of(slice(len(generated))), near.of(slice(len(generated), None))
        found.append(Found(space.name, ours, theirs, verdict(ours.ratios, theirs.ratios)))
    return found


def training_of(data: Path, side: int) -> ImageStore:
    """Return the training images of a resolution."""
    return ImageStore(data / f"r{side}")


def reals_of(data: Path, side: int) -> Reals:
    """Return reals of a resolution to judge by, drawn where they are many."""
    held_out = read_manifest(data).get(HELD_OUT, 0) >= ENOUGH
    store = training_of(data / HELD_OUT if held_out else data, side)
    drawn = rng.permutation(len(store), rng.key(SEED, "neighbours", 0)).numpy()[:MOST_REALS]
    own = np.full(len(drawn), -1) if held_out else drawn
    return Reals(Chosen(store, drawn), "held out" if held_out else "training", own)


def pixels(side: int, device: torch.device) -> Space:
    """The pixels of images that are reduced to at most 32x32; a distance is in gray levels."""
    side = min(side, SIDE)

    def embed(images: Images) -> Tensor:
        return torch.tensor(reduced(images, side), device=device).flatten(1)

    return Space("pixels", side, embed)


def of_classifier(file: Path, side: int, device: torch.device) -> Space:
    """What the classifier of the data set's labels sees before it decides."""
    net, side = classifier.load(file, device), min(side, classifier.INPUT)

    def embed(images: Images) -> Tensor:
        return net.features(to_float(torch.tensor(reduced(images, side), device=device)))

    return Space("classifier", side, embed)


def of_inception(side: int, device: torch.device) -> Space:
    """The features of the Inception network; what is wrong with its file is an error."""
    net = features.network(device)
    return Space("inception", side, lambda images: features.of(net, [images]).pooled)


def of_pyramid(data: Path, side: int, device: torch.device) -> Space:
    """The levels of the Laplacian pyramid, each as large as the others over the reals."""
    side = min(side, SIDE)

    def levels(images: Images) -> list[Tensor]:
        x = torch.tensor(reduced(images, side), device=device).float()
        return [level.flatten(1) for level in laplacian(x, SMALLEST)]

    of_reals = levels(reals_of(data, side).images[:])
    numbers = sum(level.shape[1] for level in of_reals)
    scales = [
        (numbers / level.shape[1] / len(of_reals)) ** 0.5 / max(float(level.std()), 1e-6)
        for level in of_reals
    ]

    def embed(images: Images) -> Tensor:
        return torch.cat([x * scale for x, scale in zip(levels(images), scales, strict=True)], 1)

    return Space("pyramid", side, embed)


def best_features(
    data: Path, known: Path, side: int, device: torch.device, inception: bool = True
) -> Space:
    """Return the features that there are: of the labels' classifier, else of Inception, else none.

    Args:
        data: folder of the prepared data set.
        known: file of the classifier, which need not be there.
        side: pixels of the generated images.
        device: that computes.
        inception: whether to take that network where its file is there.
    """
    if sealed.has(known):
        return of_classifier(known, side, device)
    if inception and inception_file.path().is_file():
        return of_inception(side, device)
    return of_pyramid(data, side, device)


def reduced(images: Images, side: int) -> Images:
    """Make images smaller, as `prepare` does: uint8 [n, side, side, C]."""
    if images.shape[1] == side:
        return images
    return next(level for level in pyramid(images) if level.shape[1] == side)


# What is told of it


def copies(found: list[Found]) -> bool:
    """Return whether a generator copies, in any space."""
    return any(one.verdict.copies for one in found)


def facts(found: list[Found], data: Path, mirror: bool) -> dict[str, Any]:
    """Return what is to be kept of it, as JSON has it."""
    first, manifest = found[0], read_manifest(data)
    return {
        "copies": copies(found),
        "generated": len(first.generated.indices),
        "training": manifest["count"],
        "reals": len(first.reals.indices),
        "reals_are": reals_of(data, SMALLEST).kind,
        "held_out": manifest.get(HELD_OUT, 0),
        "mirrored": mirror,
        "spaces": {one.name: of_space(one) for one in found},
    }


def of_space(found: Found) -> dict[str, Any]:
    """Return the numbers of one space."""
    judged = found.verdict
    return {
        "copies": judged.copies,
        "share": judged.share,
        "expected": judged.expected,
        "chance": judged.chance,
        "threshold": judged.threshold,
        "median_distance": float(found.generated.distances[:, 0].median()),
        "median_distance_of_reals": float(found.reals.distances[:, 0].median()),
    }


def in_words(known: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line about each space, from `facts`."""
    reals = f"{known['reals']:,} held-out reals are"
    if known["reals_are"] != "held out":
        reals = f"{known['reals']:,} of these are to the others"
    for name, space in known["spaces"].items():
        yield (
            f"{name}: {space['share']:.1%} of {known['generated']:,} generated images are nearer "
            f"to a training image than 99 % of {reals}; {space['expected']:.1%} is expected"
            f"{', so it copies' if space['copies'] else ''}"
        )


def table(found: list[Found], names: list[str], reals: Reals) -> bytes:
    """Return the distances of each image as CSV, those of the reals behind the others."""
    rows = {
        "set": ["generated"] * len(names) + [reals.kind] * len(reals.own),
        "image": [*names, *reals.images.indices.tolist()],
    }
    for one in found:
        near = [one.generated, one.reals]
        ratios = torch.cat([some.ratios for some in near])
        rows |= {
            f"{one.name}_distance": rounded(torch.cat([some.distances[:, 0] for some in near])),
            f"{one.name}_ratio": rounded(ratios),
            f"{one.name}_nearest": torch.cat([some.indices[:, 0] for some in near]).tolist(),
            f"{one.name}_mirrored": torch.cat([some.mirrored[:, 0] for some in near]).tolist(),
            f"{one.name}_suspicious": (ratios < one.verdict.threshold).tolist(),
        }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([rows.keys(), *zip(*rows.values(), strict=True)])
    return text.getvalue().encode()


def rounded(values: Tensor) -> list[str]:
    """Return numbers with six digits."""
    return [f"{value:.6g}" for value in values.tolist()]
