"""All scores of a set of images against reals, under the names that reports/metrics.json uses.

The table names the functions that compute them (`metrics.table`). What is expensive is shared by
the processes of a group; where a score is None, there are too few reals for it.
"""

from collections.abc import Mapping, Sequence
from pkgutil import resolve_name

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgpipe.images import Readable
from pgpipe.metrics import classifier, retrieval
from pgpipe.metrics.config import Protocol
from pgpipe.metrics.features import Features
from pgpipe.metrics.streams import Stream, stream
from pgpipe.metrics.table import computed, metric_of, name_of
from pgpipe.plumbing.processes.group import ALONE, Processes

Scores = dict[str, float | None]


def of(
    fakes: Readable,
    reals: Readable | None,
    net: classifier.Classifier | None,
    protocol: Protocol,
    device: torch.device,
    labels: NDArray[np.int64] | None = None,
    group: Processes = ALONE,
) -> Scores:
    """Scores of uint8 [N, R, R, C] against as many reals: `swd_R`, ..., `swd_avg`, `ms_ssim`, ...

    Those of the data set's classifier are there where one is, and what takes labels where also the
    `labels` [N] are that the images were drawn with. Reals are scored like this, too, against
    other reals; distances are None without any.
    """
    found = compute("images", fakes, reals, protocol, device, group)
    if net is not None and labels is not None:
        found |= compute("labelled", fakes, labels, protocol, device)
    if net is not None:
        seen = classifier.probabilities(net, stream(fakes, protocol.images)())
        found |= compute("classifier", seen, labels, protocol)
    return found


def of_features(fakes: Features, reals: Tensor | None, protocol: Protocol) -> Scores:
    """Scores by the Inception network: of images against reals' pooled features [N, 2048].

    `fakes` are at least `protocol.inception_fakes`; each score takes the first of them.
    """
    return compute("features", fakes, reals, protocol)


def of_captions(
    known: retrieval.Retrieval, images: Readable, numbers: NDArray[np.int64], protocol: Protocol
) -> Scores:
    """Scores of images uint8 [N, R, R, C] that were drawn for captions of these numbers [N]."""
    found = retrieval.vectors(known.net, stream(images, protocol.images)())
    return compute("captions", found, numbers, known, protocol)


def of_digits(net: classifier.Classifier, evaluations: Sequence[Stream]) -> Scores:
    """Scores of the discrete-mode test, over evaluations uint8 [n, R, R, 3]."""
    return compute("digits", net, evaluations)


def of_reconstructions(
    originals: Readable,
    reconstructions: Readable,
    reals: Readable | None,
    protocol: Protocol,
    device: torch.device,
    group: Processes = ALONE,
) -> Scores:
    """Scores of decoded codes uint8 [N, R, R, C] of reals, of which the originals are the first."""
    return compute("reconstructions", originals, reconstructions, reals, protocol, device, group)


def compute(of: str, *given: object) -> Scores:
    """Return the scores of all metrics that are computed from one kind of input."""
    found: Scores = {}
    for place in computed(of):
        found |= resolve_name(place)(*given)
    return found


def beside(found: Mapping[str, float | None], own: Mapping[str, float | None]) -> Scores:
    """Each score, and after it what the reals score: `swd_avg`, `swd_avg_floor`, ....

    It is None where there are too few reals for it, and missing where nobody asked.
    """
    both: Scores = {}
    for name, value in found.items():
        both[name] = value
        if name in own and name_of(name) and not name.endswith(("_std", "_low", "_high")):
            both[f"{name}_{metric_of(name).own}"] = own[name]
    return both
