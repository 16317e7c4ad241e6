"""Each class apart: how often a classifier finds it, what it takes it for, how varied it is.

A mean over classes hides the one that a generator does not draw. What the reals of a class are
found and varied by stands beside it: not every class is told from others, or varied.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pgpipe.images import Readable
from pgpipe.metrics import classifier
from pgpipe.metrics.ms_ssim import ms_ssim_of_pairs
from pgpipe.metrics.streams import chosen, stream


class Judged(NamedTuple):
    """What is known of the images of one class."""

    images: int
    found: float  # share that the classifier gives their class
    taken_for: str  # the class that most of the others are given; "" without others
    alike: float | None  # mean MS-SSIM of pairs of them; None without a pair


class Row(NamedTuple):
    """A class in a table: what is known of generated images, and of reals, where there are any."""

    name: str
    images: int
    found: float
    taken_for: str
    alike: float | None
    found_real: float | None
    alike_real: float | None


def beside_reals(generated: Mapping[str, Judged], reals: Mapping[str, Judged]) -> list[Row]:
    """Return a row per class of the generated images."""
    found = []
    for name, own in generated.items():
        real = reals.get(name)
        found.append(Row(name, *own, *((real.found, real.alike) if real else (None, None))))
    return found


def csv_of(rows: Sequence[Row]) -> bytes:
    """Return the rows as a CSV file with a head."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([Row._fields, *rows])
    return text.getvalue().encode()


def by_class(
    images: Readable,
    labels: NDArray[np.int64],
    names: Sequence[str],
    net: classifier.Classifier,
    device: torch.device,
) -> dict[str, Judged]:
    """Judge uint8 [N, R, R, C] that were drawn with labels [N], by the names of their classes."""
    given = classifier.probabilities(net, stream(images)()).argmax(dim=1).numpy()
    found = {}
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        wrong = given[members][given[members] != label]
        other = names[int(np.bincount(wrong).argmax())] if len(wrong) else ""
        share = 1 - len(wrong) / len(members)
        found[names[label]] = Judged(len(members), share, other, likeness(images, members, device))
    return found


def likeness(images: Readable, members: NDArray[np.int64], device: torch.device) -> float | None:
    """Return the mean MS-SSIM of pairs of images of one class, given their places."""
    order = members[: len(members) // 2 * 2]
    if not len(order):
        return None
    return float(ms_ssim_of_pairs(lambda: chosen(images, order), device).mean())
