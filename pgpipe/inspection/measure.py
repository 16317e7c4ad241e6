"""From the facts of all images to the numbers of the report."""

from collections import Counter

import numpy as np

from pgpipe.data.config import DatasetSection
from pgpipe.data.reading.square import CELEBA_FACE, CELEBA_SHAPE
from pgpipe.inspection.likeness import NEAR, Numbers, alike
from pgpipe.inspection.look import Facts
from pgpipe.inspection.report import (
    Aspect,
    Crops,
    Duplicates,
    Groups,
    Labels,
    Rejected,
    Sizes,
    Stored,
)
from pgpipe.inspection.seen import Seen

COMMON = 5  # sizes that are named
GROUPS, MEMBERS = 20, 10  # that are named, at most
SHAPES = {
    "1:2 or taller": 1 / 2,
    "1:2 to 3:4": 3 / 4,
    "3:4 to square": 0.98,
    "square": 1.02,
    "square to 4:3": 4 / 3,
    "4:3 to 2:1": 2 / 1,
    "wider than 2:1": np.inf,
}  # of ratios up to each bound


def rejected(seen: Seen) -> Rejected:
    """The files that were rejected, the most frequent reason first."""
    return Rejected(
        files=seen.reasons.total(),
        reasons=dict(seen.reasons.most_common()),
        listed=seen.rejected,
    )


def stored(seen: Seen) -> Stored:
    """Formats, modes and marks, the most frequent first."""
    formats: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    marks: Counter[str] = Counter()
    for kind, images in seen.kinds.items():
        formats[kind.format] += images
        modes[kind.mode] += images
        marks.update(dict.fromkeys(kind.marks, images))
    return Stored(
        formats=dict(formats.most_common()),
        modes=dict(modes.most_common()),
        marks=dict(marks.most_common()),
    )


def sizes(facts: Facts, dataset: DatasetSection) -> Sizes:
    """Return what is said of the sizes of images, one at least."""
    width, height = sides(facts)
    short, area = np.minimum(width, height), width * height
    smallest, largest = int(area.argmin()), int(area.argmax())
    face = np.full(len(facts), CELEBA_FACE[0].stop - CELEBA_FACE[0].start)
    side = {"pad": np.maximum(width, height), "celeba": face}.get(dataset.crop, short)
    return Sizes(
        smallest=(int(width[smallest]), int(height[smallest])),
        largest=(int(width[largest]), int(height[largest])),
        median_side=float(np.median(short)),
        enlarged=int((side < dataset.resolution).sum()),
        by_side=by_powers(short),
        common=common(width, height),
    )


def sides(facts: Facts) -> tuple[Numbers, Numbers]:
    """Return the widths and heights of images."""
    return facts["width"].astype(np.int64), facts["height"].astype(np.int64)


def by_powers(values: Numbers) -> dict[str, int]:
    """How many values lie between one power of two and the next, from the first to the last."""
    powers = np.log2(values).astype(np.int64)
    counts = np.bincount(powers)
    span = range(int(powers.min()), int(powers.max()) + 1)
    return {f"{1 << n} to {(2 << n) - 1}": int(counts[n]) for n in span}


def common(width: Numbers, height: Numbers) -> dict[str, int]:
    """The most frequent sizes."""
    values, counts = np.unique(np.stack([width, height]), axis=1, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:COMMON]
    return {f"{values[0, n]}x{values[1, n]}": int(counts[n]) for n in most}


def aspect(facts: Facts) -> Aspect:
    """Return what is said of the aspect ratios of images, one at least."""
    width, height = sides(facts)
    ratios = width / height
    shape = np.searchsorted(list(SHAPES.values()), ratios)
    counts = np.bincount(shape, minlength=len(SHAPES))
    return Aspect(
        smallest=float(ratios.min()),
        median=float(np.median(ratios)),
        largest=float(ratios.max()),
        by_shape=dict(zip(SHAPES, counts.tolist(), strict=True)),
    )


def crops(facts: Facts) -> Crops:
    """Return what squares would lose of images, one at least."""
    width, height = sides(facts)
    outside = 1 - np.minimum(width, height) / np.maximum(width, height)
    refused = (height != CELEBA_SHAPE[0]) | (width != CELEBA_SHAPE[1])
    return Crops(
        outside=float(outside.mean()),
        outside_most=float(outside.max()),
        celeba_refused=int(refused.sum()),
    )


def labels(seen: Seen, usable: Numbers) -> Labels:
    """The classes of these images, in the order of their names."""
    names = list(seen.classes)
    counts = np.bincount(label_numbers(seen)[usable], minlength=len(names))
    images = {name: int(n) for name, n in sorted(zip(names, counts, strict=True)) if n}
    if len(images) < 2:
        return Labels(classes=0, smallest="", largest="", images={})
    by_size = sorted(images, key=lambda name: images[name])
    return Labels(classes=len(images), smallest=by_size[0], largest=by_size[-1], images=images)


def label_numbers(seen: Seen) -> Numbers:
    """Return the label numbers of all images that can be decoded."""
    return np.frombuffer(seen.labels, np.uintc).astype(np.int64)


def duplicates(seen: Seen, facts: Facts, usable: Numbers) -> Duplicates:
    """Find duplicates; near-duplicates are looked for among the first ones of each content."""
    content = facts["content"][usable]
    _, first, same = np.unique(content, axis=0, return_index=True, return_inverse=True)
    near, complete = alike(facts["likeness"][usable][first])
    return Duplicates(
        exact=groups(seen, usable, same.reshape(-1)),
        near=groups(seen, usable[first], near),
        near_bits=NEAR,
        complete=complete,
    )


def groups(seen: Seen, images: Numbers, group: Numbers) -> Groups:
    """Which of these images are in one group."""
    order = np.lexsort((images, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    counts = np.diff(starts, append=len(order))
    label = label_numbers(seen)[images[order]]
    mixed = np.minimum.reduceat(label, starts) != np.maximum.reduceat(label, starts)
    largest = np.lexsort((images[order][starts], -counts))[:GROUPS]
    members = [images[order][starts[n] :][: min(counts[n], MEMBERS)] for n in largest]
    return Groups(
        groups=int((counts > 1).sum()),
        surplus=int((counts - 1).sum()),
        across_labels=int(mixed.sum()),
        listed=[[seen.names[int(n)] for n in some] for some in members if len(some) > 1],
    )
