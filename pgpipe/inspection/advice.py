"""What somebody should know before hours of training, in lines."""

from collections.abc import Iterator

from pgpipe.estimate import allowed
from pgpipe.estimate.plan import Plan
from pgpipe.inspection.report import Duplicates, Labels, Rejected, Report
from pgpipe.metrics.config import FEWEST, FLOOR_FROM

FEW = 100  # images of a class
UNEVEN = 10  # times as many images in the largest class as in the smallest
MANY = 0.01  # of the images are duplicates
MUCH = 0.3  # of an image is cut away, or of its square empty


def of(report: Report, plan: Plan) -> list[str]:
    """All of them, the gravest first."""
    return [
        *of_rejected(report.rejected, plan),
        *of_count(report.images, plan),
        *of_sizes(report, plan),
        *of_duplicates(report.duplicates, report.images),
        *of_labels(report.labels, plan),
    ]


def of_rejected(rejected: Rejected, plan: Plan) -> Iterator[str]:
    """Files that give no image."""
    if not rejected.files:
        return
    (name, reason), *_ = rejected.listed
    verdict = f"files that give no image: {rejected.files:,}, the first is {name!r}: {reason}"
    if rejected.files > plan.dataset.max_rejected:
        limit = plan.dataset.max_rejected
        verdict += f"; `prepare` will refuse them, dataset.max_rejected allows {limit}"
    yield verdict


def of_count(images: int, plan: Plan) -> Iterator[str]:
    """Too few images for what the parameters ask, which `gate` refuses, or for a floor."""
    images = plan.trained_on(images)
    asked = allowed.asked(plan.sample, plan.score, plan.train)
    yield from allowed.refusals(asked, allowed.Data(images, None, plan.dataset.stacked))
    if FEWEST <= images < FLOOR_FROM:
        yield f"{images} images, fewer than {FLOOR_FROM}: no floor of reals against other reals"


def of_sizes(report: Report, plan: Plan) -> Iterator[str]:
    """Images that are too small for the resolution, or far from square."""
    if report.sizes.enlarged:
        yield (
            f"images smaller than dataset.resolution ({report.resolution}), to be enlarged: "
            f"{report.sizes.enlarged:,}"
        )
    share = f"{report.crops.outside:.0%} on average"
    if report.crops.outside > MUCH and plan.dataset.crop == "center":
        yield f"crop: center cuts away {share}; pad would keep all, with borders"
    if report.crops.outside > MUCH and plan.dataset.crop == "pad":
        yield f"crop: pad leaves {share} of the squares empty; center would cut as much away"


def of_duplicates(duplicates: Duplicates, images: int) -> Iterator[str]:
    """Images that training would see more often than others."""
    for alike, found in (("equal", duplicates.exact), ("nearly equal", duplicates.near)):
        if found.surplus > MANY * images:
            yield f"images {alike} to another: {found.surplus:,} ({found.surplus / images:.0%})"
        if found.across_labels:
            yield f"groups of {alike} images with several labels: {found.across_labels:,}"
    if not duplicates.complete:
        yield "so many images are alike that not all near-duplicates were looked for"


def of_labels(labels: Labels, plan: Plan) -> Iterator[str]:
    """Classes that are missing, small or uneven."""
    if not labels.classes:
        if plan.train.label_conditioning not in ("auto", False):
            yield (
                f"no labels, and train.label_conditioning is {plan.train.label_conditioning}: "
                "set it to auto or false"
            )
        return
    counts = labels.images
    smallest, largest = counts[labels.smallest], counts[labels.largest]
    small = sum(images < FEW for images in counts.values())
    if small and not plan.dataset.stacked:
        yield (
            f"{small:,} of {labels.classes:,} classes have fewer than {FEW} images; the smallest, "
            f"{labels.smallest!r}, has {smallest:,}"
        )
    if largest > UNEVEN * smallest:
        yield f"the largest class, {labels.largest!r}, has {largest / smallest:.0f} times as many"
