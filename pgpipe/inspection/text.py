"""The report as lines for a terminal."""

from collections.abc import Iterator, Mapping

from pgpipe.estimate.disk import human
from pgpipe.inspection.report import Groups, Report

LISTED = 5  # reasons, groups, classes
INDENT = 14


def lines(report: Report) -> Iterator[str]:
    """Warnings first, then a line a fact."""
    yield from (f"warning: {warning}" for warning in report.warnings)
    yield row("data set", f"{report.name}, {report.path}")
    yield row("images", f"{report.images:,}, {human(report.bytes)} as published")
    yield row("rejected", f"{report.rejected.files:,}")
    yield from more(f"{n:,}: {why}" for why, n in first(report.rejected.reasons).items())
    yield from more(f"{name!r}: {why}" for name, why in report.rejected.listed[:LISTED])
    for what, counts in report.stored.model_dump().items():
        yield row(what, counted(counts))
    yield from of_shapes(report)
    yield from of_labels(report.labels.images)
    yield from of_groups("repeated", report.duplicates.exact)
    yield from of_groups("alike", report.duplicates.near)
    yield from of_estimate(report)


def row(what: str, text: str) -> str:
    """A line with its title."""
    return f"{what:<{INDENT}}{text}".rstrip()


def more(texts: Iterator[str]) -> Iterator[str]:
    """Lines below one with a title."""
    return (row("", text) for text in texts)


def first(counts: Mapping[str, int]) -> dict[str, int]:
    """The first of many."""
    return dict(list(counts.items())[:LISTED])


def counted(counts: Mapping[str, int]) -> str:
    """Names with their numbers, as far as there are any."""
    return ", ".join(f"{name} {n:,}" for name, n in counts.items() if n) or "none"


def of_shapes(report: Report) -> Iterator[str]:
    """Sizes, aspect ratios, and what crop policies make of them."""
    sizes, aspect, crops = report.sizes, report.aspect, report.crops
    smallest, largest = ("x".join(map(str, size)) for size in (sizes.smallest, sizes.largest))
    yield row("sizes", f"{smallest} to {largest}, median of shorter sides {sizes.median_side:g}")
    yield row("", f"most frequent: {counted(sizes.common)}")
    yield row("", f"shorter sides: {counted(sizes.by_side)}")
    yield row(
        "", f"{sizes.enlarged:,} would be enlarged to {report.resolution}x{report.resolution}"
    )
    ratios = f"{aspect.smallest:.2f} to {aspect.largest:.2f}, median {aspect.median:.2f}"
    yield row("width/height", f"{ratios}: {counted(aspect.by_shape)}")
    share = f"{crops.outside:.1%} on average, {crops.outside_most:.1%} at most"
    yield row("crop", f"center cuts away {share}; pad leaves as much of the square empty")
    yield row("", f"celeba would refuse {crops.celeba_refused:,}")


def of_labels(counts: Mapping[str, int]) -> Iterator[str]:
    """Classes by their images, the smallest first; of many those at both ends."""
    yield row("labels", f"{len(counts):,} classes" if counts else "none")
    smallest = sorted(counts, key=lambda name: counts[name])
    if len(counts) > 2 * LISTED:
        smallest = [*smallest[:LISTED], *smallest[-LISTED:]]
    yield from more(f"{counts[name]:,}: {name!r}" for name in smallest)


def of_groups(what: str, found: Groups) -> Iterator[str]:
    """How many images are alike, and the largest groups."""
    yield row(what, f"{found.surplus:,} (groups: {found.groups:,})")
    for group in found.listed[:LISTED]:
        yield row("", ", ".join(map(repr, group)))


def of_estimate(report: Report) -> Iterator[str]:
    """What the run takes."""
    disk, free = report.estimate.disk, report.estimate.free
    yield row("disk", f"about {human(sum(disk.values()))}, {human(free)} are free")
    largest = max(report.estimate.memory, key=lambda name: report.estimate.memory[name])
    yield row("memory", f"about {human(report.estimate.memory[largest])}, in {largest}")
