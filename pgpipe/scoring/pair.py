"""Two sets of images against each other, by the protocol and the names of reports/metrics.json."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from pgpipe import rng
from pgpipe.data.feeding import mirrored
from pgpipe.data.feeding.multires import Chosen, ImageStore
from pgpipe.errors import UsageError
from pgpipe.images import Images, Readable
from pgpipe.metrics import features, protocol, scores
from pgpipe.metrics.config import Protocol
from pgpipe.metrics.inception_file import SCORES
from pgpipe.metrics.precision_recall import NEIGHBOUR
from pgpipe.metrics.streams import stream
from pgpipe.plumbing.terminal import counted

SPLITS = 10  # of the Inception score

Watch = Callable[[Iterable[Images], str, int], Iterable[Images]]  # passes batches on, and counts
Metrics = dict[str, float | int | str | None]


@dataclass(frozen=True)
class Options:
    """What a user may choose; None: as many as both sets have."""

    images: int | None = None  # of each set
    pairs: int | None = None  # of generated images
    seed: int = 0
    inception: bool = False
    mirror: bool = False  # half of the reals


def protocol_of(options: Options, reals: ImageStore, fakes: ImageStore) -> Protocol:
    """The protocol for two sets of images.

    Raises:
        UsageError: unequal sizes, or fewer images than two of each or than the options say.
    """
    n = options.images or min(len(reals), len(fakes))
    pairs = options.pairs or n // 2
    require_one_size(reals, fakes)
    require_images(n, pairs, options.inception, len(reals), len(fakes))
    return Protocol(
        swd_images=n,
        ms_ssim_pairs=pairs,
        classifier_splits=1,  # there is no classifier, and there are no modes
        mode_samples=1,
        mode_evaluations=1,
        inception=options.inception,
        inception_images=n,
        inception_splits=min(SPLITS, n),
        fid_images=max(NEIGHBOUR + 1, n),
        mirror=options.mirror,
        seed=options.seed,
    )


def require_images(n: int, pairs: int, inception: bool, reals: int, fakes: int) -> None:
    """Both sets have `n` images and `pairs` of them; two are needed, for the network four."""
    most, least = min(reals, fakes), NEIGHBOUR + 1 if inception else 2
    counts = f"{reals} real and {fakes} generated images"
    if n > most:
        raise UsageError(f"--swd-images: {n} is not <= {most}: there are {counts}")
    if n < least:
        found = counted(n, "image")
        raise UsageError(f"{found} of each set: not >= {least}; there are {counts}")
    if 2 * pairs > most:
        raise UsageError(f"--pairs: {pairs} is not <= {most // 2}: there are {counts}")


def require_one_size(reals: ImageStore, fakes: ImageStore) -> None:
    """Gray and RGB compare, as gray is repeated; other resolutions do not."""
    real, fake = reals.shape[1], fakes.shape[1]
    if real != fake:
        raise UsageError(
            f"real images of {real}x{real} pixels, generated ones of {fake}x{fake}: only equal "
            "sizes compare"
        )


def notes(numbers: Protocol, reals: int, fakes: int) -> Iterator[str]:
    """What a reader of the scores has to know: how many images count, and what is not there."""
    n = numbers.swd_images
    yield f"{n} of {reals} real and {n} of {fakes} generated images are compared"
    if reals < numbers.images + n:
        more = f"; --swd-images {reals // 2} leaves them" if reals >= 4 else ""
        yield f"no floor: it takes {numbers.images + n} real images{more}"
    if not numbers.inception:
        yield f"no {SCORES}: --inception asks for them"


def compare(
    reals: ImageStore, fakes: ImageStore, numbers: Protocol, device: torch.device, watch: Watch
) -> Metrics:
    """All scores of the first fakes against reals drawn by the seed, as the stage `score` has them.

    The reals' own stand beside them; the floor where there are as many other reals.
    """
    order = rng.permutation(len(reals), rng.key(numbers.seed, "reals", 0)).numpy()
    reals = mirrored.seen(reals, numbers.mirror, numbers.seed)
    drawn = Chosen(fakes, np.arange(numbers.images))
    chosen = Chosen(reals, order[: numbers.images])
    others = Chosen(reals, order[numbers.images :][: numbers.swd_images])
    floor = others if len(others) == numbers.swd_images else None
    found, own = with_features(drawn, chosen, floor, numbers, device, watch)
    found |= scores.of(drawn, chosen, None, numbers, device)
    own |= scores.of(chosen, floor, None, numbers, device)
    if floor is None:
        own = {name: value for name, value in own.items() if value is not None}
    return {**scores.beside(found, own), **protocol.facts(found, numbers, fakes.shape[1])}


def with_features(
    fakes: Readable,
    reals: Readable,
    floor: Readable | None,
    numbers: Protocol,
    device: torch.device,
    watch: Watch,
) -> tuple[scores.Scores, scores.Scores]:
    """What takes the Inception network, if asked for: of the fakes, and of the reals."""
    if not numbers.inception:
        return {}, {}
    net, n = features.network(device), numbers.fid_images

    def seen(images: Readable, name: str) -> features.Features:
        return features.of(net, watch(stream(images, n)(), name, n))

    of_reals = seen(reals, "reals")
    others = None if floor is None else seen(floor, "others").pooled
    found = scores.of_features(seen(fakes, "generated"), of_reals.pooled, numbers)
    return found, scores.of_features(of_reals, others, numbers)
