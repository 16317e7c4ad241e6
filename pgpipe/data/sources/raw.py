"""The files of data/raw, by their patterns."""

from pathlib import Path

from pgpipe.errors import UsageError


def several(folder: Path, *patterns: str) -> list[Path]:
    """The files of a folder that fit one of the patterns, in the order of names.

    Raises:
        UsageError: there are none.
    """
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    if not found:
        raise UsageError(f"{folder}: no {' or '.join(patterns)} in it")
    return found


def only(folder: Path, *patterns: str) -> Path:
    """The one file that fits; UsageError where there are more."""
    first, *more = several(folder, *patterns)
    if more:
        raise UsageError(f"{folder}: {len(more) + 1} files are {' or '.join(patterns)}, expected 1")
    return first
