"""Which of a source's images are prepared, with which labels: in the source's order.

A subset by number is spread over all of them: one image, drawn by the seed, of each of as many
parts, so that it is the same on every machine, and a set in order of classes keeps their shares.
"""

from collections.abc import Callable, Iterator
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.annotations import Annotations
from pgpipe.data.config import DatasetSection
from pgpipe.data.items import Item
from pgpipe.errors import UsageError


def chosen(
    read: Callable[[], Iterator[Item]], dataset: DatasetSection, notes: Annotations
) -> Iterator[Item]:
    """The images that the parameters choose.

    Where they choose at all, the source is read twice: first without decoding an image, so that
    what is wrong is told before hours are spent.

    Raises:
        UsageError: an image has no label or box, a name or a class occurs nowhere, or there are
            fewer images than asked for.
    """
    if not (dataset.tables or dataset.classes or dataset.images):
        return candidates(read(), dataset, notes)
    count = sum(1 for _ in candidates(read(), dataset, notes))
    if not dataset.images:
        return candidates(read(), dataset, notes)
    if count < dataset.images:
        raise UsageError(f"dataset.images: {dataset.images} is not <= {count}, all that there are")
    places = spread(count, dataset.images, dataset.seed)
    return compress(candidates(read(), dataset, notes), places)


def spread(count: int, wanted: int, seed: int) -> NDArray[np.bool_]:
    """Which of `count` images are `wanted` that lie evenly."""
    from pgpipe import rng  # torch takes seconds to import, which most preparations save

    edges = np.arange(wanted + 1) * count // wanted
    draws = rng.uniform((wanted,), rng.key(seed, "subset", 0)).double().numpy()
    taken = np.zeros(count, bool)
    taken[edges[:-1] + (draws * np.diff(edges)).astype(np.int64)] = True
    return taken


def candidates(
    items: Iterator[Item], dataset: DatasetSection, notes: Annotations
) -> Iterator[Item]:
    """Images of the listed names and classes, with the labels that count."""
    unseen, unheard = set(notes.names or ()), set(dataset.classes)
    for image, own, name in items:
        if name.rpartition("/")[2] in notes.files:  # of a zip, which holds it beside the images
            continue
        if notes.names is not None and name not in notes.names:
            continue
        unseen.discard(name)
        label = label_of(own, name, dataset, notes)
        unheard.discard(label)
        if dataset.classes and label not in dataset.classes:
            continue
        if notes.boxes is not None and name not in notes.boxes:
            raise UsageError(f"{dataset.boxes}: no box for {name!r}")
        yield image, label, name
    if unseen:
        raise UsageError(f"{dataset.list}: {min(unseen)!r} is the name of no image")
    if unheard:
        raise UsageError(f"dataset.classes: {min(unheard)!r} is the label of no image")


def label_of(own: str, name: str, dataset: DatasetSection, notes: Annotations) -> str:
    """The label of an image that has its `own` in the source."""
    if notes.labels is None:
        return "" if dataset.labels == "none" else own
    if name not in notes.labels:
        raise UsageError(f"{dataset.labels}: no label for {name!r}")
    return notes.labels[name]
