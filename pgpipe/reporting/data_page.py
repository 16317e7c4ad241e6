"""The page of `pgpipe data check`, which a browser opens without a network."""

from collections.abc import Mapping, Sequence
from typing import Any

from pgpipe.reporting.page import in_text, template

CLASSES = 12  # the smallest and as many of the largest; all, where there are no more than both


def render(report: Mapping[str, Any], sheet: bytes, alike: Sequence[bytes] = ()) -> str:
    """The page as HTML.

    Args:
        report: as its JSON has it.
        sheet: some squares, a PNG file.
        alike: a row of squares of each listed group of near-duplicates, PNG files.
    """
    counts = report["labels"]["images"]
    by_size = sorted(counts, key=lambda name: counts[name], reverse=True)
    if len(by_size) > 2 * CLASSES:
        by_size = [*by_size[:CLASSES], *by_size[-CLASSES:]]
    return template("data_page.html").render(
        report=report,
        sheet=in_text(sheet),
        alike=[in_text(row) for row in alike],
        classes={name: counts[name] for name in by_size},
    )
