"""The report as rows for a terminal: what is told, and what is found."""

from collections.abc import Iterator, Mapping

from pgpipe.estimate.disk import human
from pgpipe.inspection.report import Groups, Report
from pgpipe.plumbing.terminal import Row, counted

LISTED = 5  # reasons, groups, classes


def rows(report: Report) -> Iterator[Row]:
    """All that is found, but the warnings."""
    yield ("data set", f"{report.name}, {report.path}")
    yield ("images", f"{report.images:,}, {human(report.bytes)} as published")
    yield ("rejected", f"{report.rejected.files:,}")
    yield from more(f"{n:,}: {why}" for why, n in first(report.rejected.reasons).items())
    yield from more(f"{name!r}: {why}" for name, why in report.rejected.listed[:LISTED])
    for what, counts in report.stored.model_dump().items():
        yield (what, numbers(counts))
    yield from of_shapes(report)
    yield from of_labels(report.labels.images)
    yield from of_groups("repeated", report.duplicates.exact)
    yield from of_groups("alike", report.duplicates.near)
    yield from of_estimate(report)


def more(texts: Iterator[str]) -> Iterator[Row]:
    """Rows below one with a title."""
    return (("", text) for text in texts)


def first(counts: Mapping[str, int]) -> dict[str, int]:
    """The first of many."""
    return dict(list(counts.items())[:LISTED])


def numbers(counts: Mapping[str, int]) -> str:
    """Names with their numbers, as far as there are any."""
    return ", ".join(f"{name} {n:,}" for name, n in counts.items() if n) or "none"


def of_shapes(report: Report) -> Iterator[Row]:
    """Sizes, aspect ratios, and what crop policies make of them."""
    sizes, aspect, crops = report.sizes, report.aspect, report.crops
    smallest, largest = ("x".join(map(str, size)) for size in (sizes.smallest, sizes.largest))
    yield ("sizes", f"{smallest} to {largest}, median of shorter sides {sizes.median_side:g}")
    yield ("", f"most frequent: {numbers(sizes.common)}")
    yield ("", f"shorter sides: {numbers(sizes.by_side)}")
    yield ("", f"{sizes.enlarged:,} would be enlarged to {report.resolution}x{report.resolution}")
    ratios = f"{aspect.smallest:.2f} to {aspect.largest:.2f}, median {aspect.median:.2f}"
    yield ("width/height", f"{ratios}: {numbers(aspect.by_shape)}")
    share = f"{crops.outside:.1%} on average, {crops.outside_most:.1%} at most"
    yield ("crop", f"center cuts away {share}; pad leaves as much of the square empty")
    yield ("", f"celeba would refuse {crops.celeba_refused:,}")


def of_labels(counts: Mapping[str, int]) -> Iterator[Row]:
    """Classes by their images, the smallest first; of many those at both ends."""
    yield ("labels", counted(len(counts), "class") if counts else "none")
    smallest = sorted(counts, key=lambda name: counts[name])
    if len(counts) > 2 * LISTED:
        smallest = [*smallest[:LISTED], *smallest[-LISTED:]]
    yield from more(f"{counts[name]:,}: {name!r}" for name in smallest)


def of_groups(what: str, found: Groups) -> Iterator[Row]:
    """How many images are alike, and the largest groups."""
    yield (what, f"{found.surplus:,} (groups: {found.groups:,})")
    for group in found.listed[:LISTED]:
        yield ("", ", ".join(map(repr, group)))


def of_estimate(report: Report) -> Iterator[Row]:
    """What the run takes."""
    disk, free = report.estimate.disk, report.estimate.free
    yield ("disk", f"about {human(sum(disk.values()))}, {human(free)} are free")
    largest = max(report.estimate.memory, key=lambda name: report.estimate.memory[name])
    yield ("memory", f"about {human(report.estimate.memory[largest])}, in {largest}")
