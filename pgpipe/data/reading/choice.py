"""Which of a source's images are prepared, with which labels: in the source's order.

All is decided by names, before an image is read, and so is what somebody should know of it. An
image without a label among others that have one (beside the folders of classes, an empty label in a
file, null in a table) is left out; where none has a label, all are taken.

A subset by number is spread over all of them: one image, drawn by the seed, of each of as many
parts, so that it is the same on every machine, and a set in order of classes keeps their shares.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pgpipe.data.config import DatasetSection
from pgpipe.data.reading import annotations, layouts
from pgpipe.data.reading.annotations import Annotations
from pgpipe.data.reading.items import Item
from pgpipe.data.reading.layouts import Layout
from pgpipe.data.reading.square import Box
from pgpipe.data.reading.tables import OFFICIAL
from pgpipe.data.sources import unverified
from pgpipe.data.sources.source import Source
from pgpipe.errors import UsageError

T = TypeVar("T")


class Choice(NamedTuple):
    """What the parameters take of a source."""

    labels: dict[str, str] | None = None  # of each image that is taken; None: all are
    boxes: dict[str, Box] | None = None
    notes: Sequence[str] = ()  # what somebody should know
    labelled: bool = True  # whether those that all are taken keep the source's labels
    captions: Mapping[str, str] | None = None  # of each image that is taken; None: there are none

    def of(self, items: Iterator[Item]) -> Iterator[Item]:
        """Those of the source's items that are taken, with the labels that count."""
        if self.labels is None:
            return ((image, own if self.labelled else "", name) for image, own, name in items)
        known = self.labels
        return ((image, known[name], name) for image, _, name in items if name in known)


def chosen(source: Source, raw: Path, dataset: DatasetSection) -> Choice:
    """What the parameters choose of a source whose files are in `raw`.

    Where they choose at all and the source has no other way to know, it is read for its names.

    Raises:
        UsageError: an image has no label or box, a name or a class occurs nowhere, it is not clear
            what the labels are, or there are fewer images than asked for.
    """
    layout = source.survey(raw) if source.survey else None
    if layout is None and (dataset.tables or dataset.classes or dataset.images):
        layout = Layout({name: own for _, own, name in source.read(raw)})
    if layout is None:
        found = Choice(labelled=dataset.labels != "none")
    else:
        notes = annotations.read(dataset, raw)
        found = decided(layout, dataset, notes, official(layout, raw))
    if dataset.captions == "source" and source.captions is not None:
        found = found._replace(captions=source.captions(raw))
    return found._replace(notes=[*unverified.read(raw), *found.notes])


def decided(
    layout: Layout, dataset: DatasetSection, found: Annotations, of_set: Annotations | None = None
) -> Choice:
    """The same of a set that is known to be so, with the user's files and its own dataset.json."""
    notes = [*layout.unread]
    files = {*found.folders, *(of_set.folders if of_set else ())}
    own = {name: label for name, label in layout.labels.items() if plain_name(name) not in files}
    if found.names is not None:
        own = listed(own, found.names, dataset.list, found.folders[dataset.list])
    if found.labels is not None:
        labels = stated(own, found.labels, dataset.labels, found.folders[dataset.labels])
    elif dataset.labels == "none":
        labels = dict.fromkeys(own, "")
    elif of_set is not None and of_set.labels is not None:
        labels = stated(own, of_set.labels, OFFICIAL, of_set.folders[OFFICIAL])
        are = "the labels" if of_set.labels else "that there are no labels"
        notes.append(f"{OFFICIAL} of the set states {are}; folders are no classes")
    else:
        if layout.unclear and not dataset.classes:
            raise UsageError(f"dataset.path: {layout.unclear}")
        labels, notes = own, [*notes, *layout.notes]
    labels, boxes = narrowed(labels, dataset, notes), None
    if found.boxes is not None:
        boxes = of_images(labels, found.boxes, dataset.boxes, found.folders[dataset.boxes], "box")
        labels = {name: label for name, label in labels.items() if name in boxes}
    captions = None
    if found.captions is not None:
        file = dataset.captions
        captions = of_images(labels, found.captions, file, found.folders[file], "text")
        labels = {name: label for name, label in labels.items() if name in captions}
    return Choice(some(labels, dataset), boxes, notes, captions=captions)


def official(layout: Layout, raw: Path) -> Annotations | None:
    """The set's own file of labels, where it is a set of image files that has one."""
    named = any(plain_name(name) == OFFICIAL for name in layout.labels)
    return annotations.official(raw) if layout.of_files and named else None


def plain_name(name: str) -> str:
    """A file's name without its folders."""
    return name.replace("\\", "/").rpartition("/")[2]


def listed(
    own: dict[str, str], names: Mapping[str, None], file: str, folder: str
) -> dict[str, str]:
    """The images that a list names."""
    found = annotations.fitted(names, file, folder, own)
    if unseen := names.keys() - {*found.values()}:
        raise UsageError(f"{file}: {min(unseen)!r} is the name of no image")
    return {name: label for name, label in own.items() if name in found}


def stated(
    own: Mapping[str, str], labels: Mapping[str, str], file: str, folder: str
) -> dict[str, str]:
    """The label of each image by a file of them, which may be of none: "" then."""
    if not any(labels.values()):
        return dict.fromkeys(own, "")
    known = of_images(own, labels, file, folder, "label")
    return {name: known.get(name, "") for name in own}


def of_images(
    images: Mapping[str, str], values: Mapping[str, T], file: str, folder: str, what: str
) -> dict[str, T]:
    """What a file says of each image; files that are none by their names may be without."""
    keys = annotations.fitted(values, file, folder, images)
    for name in layouts.images_of(images):
        if name not in keys:
            raise UsageError(
                f"{file}: no {what} for {name!r} ({len(keys):,} of {len(images):,} images have one)"
            )
    return {name: values[key] for name, key in keys.items()}


def narrowed(labels: dict[str, str], dataset: DatasetSection, notes: list[str]) -> dict[str, str]:
    """Images of the classes that are asked for; else those with a label, where there are any."""
    if dataset.classes:
        if unheard := {*dataset.classes} - {*labels.values()}:
            raise UsageError(f"dataset.classes: {min(unheard)!r} is the label of no image")
        return {name: label for name, label in labels.items() if label in dataset.classes}
    without = [name for name, label in labels.items() if not label]
    if not without or len(without) == len(labels):
        return labels
    notes.append(
        f"images without a label, among others that have one, are left out: {len(without):,}, the "
        f"first is {without[0]!r}; dataset.labels: none takes all, without labels"
    )
    return {name: label for name, label in labels.items() if label}


def some(labels: dict[str, str], dataset: DatasetSection) -> dict[str, str]:
    """As many of the images as are asked for."""
    wanted, count = dataset.images, len(labels)
    if not wanted:
        return labels
    if count < wanted:
        raise UsageError(f"dataset.images: {wanted} is not <= {count}, all that there are")
    return dict(compress(labels.items(), spread(count, wanted, dataset.seed)))


def spread(count: int, wanted: int, seed: int) -> NDArray[np.bool_]:
    """Which of `count` images are `wanted` that lie evenly."""
    from pgpipe import rng  # torch takes seconds to import, which most preparations save

    edges = np.arange(wanted + 1) * count // wanted
    draws = rng.uniform((wanted,), rng.key(seed, "subset", 0)).double().numpy()
    taken = np.zeros(count, bool)
    taken[edges[:-1] + (draws * np.diff(edges)).astype(np.int64)] = True
    return taken
