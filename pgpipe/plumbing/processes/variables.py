"""Whole numbers that environment variables hold."""

import os

from pgpipe.errors import UsageError

MOST_DIGITS = 9


def whole(variable: str, default: int, least: int, most: int) -> int:
    """Return the number of a variable, or a default where it is not set.

    Raises:
        UsageError: it is no whole number within the bounds.
    """
    text = os.environ.get(variable, str(default))
    number = int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else -1
    if not least <= number <= most:
        raise UsageError(f"{variable}: {text[:80]!r} is not a number from {least} to {most}")
    return number
