"""Two prepared data sets: the same, or what differs."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pgpipe.data.feeding.multires import CAPTIONS, HELD_OUT, ImageStore
from pgpipe.images import release
from pgpipe.inspection import prepared
from pgpipe.inspection.prepared import Array, Manifest

LISTED = 10  # numbers of images that are named
BLOCK_BYTES = 16 << 20  # of each set, that are compared at once


def differences(a: Path, b: Path, report: Callable[[int], object]) -> Iterator[str]:
    """A line for each thing that differs; none for equal sets.

    Where the manifests state the same hashes, nothing is read. `report` hears how many images of a
    resolution have been compared.

    Raises:
        UsageError, IntegrityError: not a prepared set.
    """
    ours, theirs = prepared.manifest(a), prepared.manifest(b)
    yield from of_manifests(ours, theirs)
    if of_labels(ours) != of_labels(theirs):
        names = prepared.names(a, ours), prepared.names(b, theirs)
        yield from by_text("labels", *names)
    if ours.arrays.get(CAPTIONS) != theirs.arrays.get(CAPTIONS):
        texts = prepared.captions(a, ours), prepared.captions(b, theirs)
        yield from by_text("captions", *texts)
    for resolution in sorted({*ours.resolutions} ^ {*theirs.resolutions}):
        yield f"{resolution}x{resolution}: only in {a if resolution in ours.resolutions else b}"
    if ours.channels == theirs.channels:
        for resolution in sorted({*ours.resolutions} & {*theirs.resolutions}):
            if hashes(ours, resolution) != hashes(theirs, resolution):
                one, two = (
                    prepared.store(a, ours, resolution),
                    prepared.store(b, theirs, resolution),
                )
                yield from of_pixels(one, two, report)


def of_manifests(ours: Manifest, theirs: Manifest) -> Iterator[str]:
    """What the manifests say in numbers, and of what is held out by hashes."""
    if ours.count != theirs.count:
        yield f"images: {ours.count:,} and {theirs.count:,}; the first ones are compared"
    if ours.channels != theirs.channels:
        yield f"channels: {ours.channels} and {theirs.channels}"
    if held_out(ours) != held_out(theirs):
        yield f"held out: {ours.held_out:,} and {theirs.held_out:,} images, which are not the same"


def hashes(known: Manifest, resolution: int) -> dict[str, str]:
    """Return the hashes of the arrays of a resolution."""
    return {name: array.sha256 for name, array in known.shards(resolution).items()}


def held_out(known: Manifest) -> dict[str, str]:
    """Return the hashes of the arrays of what is held out."""
    return {name: a.sha256 for name, a in known.arrays.items() if name.startswith(HELD_OUT)}


def of_labels(known: Manifest) -> tuple[list[str], Array | None]:
    """The classes, and what is known of which image has which."""
    return known.labels, known.arrays.get(prepared.LABELS)


def by_text(kind: str, ours: Sequence[str], theirs: Sequence[str]) -> Iterator[str]:
    """Images whose labels, or captions, differ."""
    differ = [n for n, (one, two) in enumerate(zip(ours, theirs, strict=False)) if one != two]
    if differ:
        first = differ[0]
        yield f"{kind}: {numbered(differ)}; {first}: {ours[first]!r} and {theirs[first]!r}"


def of_pixels(
    ours: ImageStore, theirs: ImageStore, report: Callable[[int], object]
) -> Iterator[str]:
    """Images of one resolution that differ, and by how much at most."""
    count, side = min(len(ours), len(theirs)), ours.shape[1]
    step = max(1, BLOCK_BYTES // int(np.prod(ours.shape[1:])))
    differ, largest = [], 0
    for start in range(0, count, step):
        numbers = np.arange(start, min(start + step, count))
        one, two = ours.take(numbers), theirs.take(numbers)
        apart = (np.maximum(one, two) - np.minimum(one, two)).reshape(len(numbers), -1).max(axis=1)
        differ += numbers[apart > 0].tolist()
        largest = max(largest, int(apart.max()))
        for shard in (*ours.shards, *theirs.shards):
            release(shard)
        report(start + len(numbers))
    if differ:
        yield f"{side}x{side}: {numbered(differ)}; by {largest} of 255 at most"


def numbered(images: list[int]) -> str:
    """How many images, and which."""
    shown = ", ".join(map(str, images[:LISTED]))
    return f"images that differ: {len(images):,} ({shown}{', ...' if len(images) > LISTED else ''})"
