"""A stream of published images to a stream of squares; what gives none is counted and named."""

from collections.abc import Iterator
from pathlib import Path

from pgpipe.data.config import DatasetSection
from pgpipe.data.decode import Rejected, decode, to_channels
from pgpipe.data.items import Item
from pgpipe.data.square import Pixels, square
from pgpipe.errors import IntegrityError

SHOWN = 3  # rejected files that an error names


def squares(
    items: Iterator[Item], dataset: DatasetSection, place: Path, rejected: list[tuple[str, str]]
) -> Iterator[tuple[Pixels, str, str]]:
    """Yield each image [resolution, resolution, channels] in 0..255 with its label and name.

    In the order of `items`, one in memory at a time; `rejected` receives (name, reason) of those
    that give no image.

    Raises:
        IntegrityError: more than `dataset.max_rejected` are rejected; `place` is in it.
    """
    for image, label, name in items:
        try:
            if isinstance(image, bytes):
                pixels = decode(image, name, dataset.channels)
            else:
                pixels = to_channels(image, dataset.channels)
            made = square(pixels, dataset.resolution, dataset.crop)
        except (Rejected, ValueError) as verdict:
            rejected.append((name, getattr(verdict, "reason", str(verdict))))
            if len(rejected) > dataset.max_rejected:
                raise too_many(place, rejected, dataset.max_rejected) from None
            continue
        yield made, label, name


def too_many(place: Path, rejected: list[tuple[str, str]], limit: int) -> IntegrityError:
    """The error that names the first of the rejected files and the parameter that allows more."""
    first = "; ".join(f"{name!r}: {reason}" for name, reason in rejected[:SHOWN])
    return IntegrityError(
        f"{place}: {len(rejected)} files are no usable images, dataset.max_rejected allows "
        f"{limit} ({first}{'; ...' if len(rejected) > SHOWN else ''}); remove them or raise it"
    )
