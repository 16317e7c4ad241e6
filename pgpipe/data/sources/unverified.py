"""What was taken though it is not known to be what was published, as `dataset.verify: false` says.

Noted in data/raw, so that it stays with the files, and is told with the images made of them.
"""

from pathlib import Path

FILE = ".unverified"  # a line for each file


def note(raw: Path, reason: str) -> None:
    """Note a file that was taken without a known hash."""
    with (raw / FILE).open("a", encoding="utf-8") as file:
        file.write(f"{reason}\n")


def read(raw: Path) -> list[str]:
    """Return the files that were taken without a known hash."""
    path = raw / FILE
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
