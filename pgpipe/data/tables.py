"""Files that say more of the images: labels, boxes, names. They lie in dataset.path.

In a folder they are copied to data/raw, so that DVC sees a change; a zip is there as a whole.
"""

from pathlib import Path

from pgpipe.data import rawzip
from pgpipe.data.config import DatasetSection
from pgpipe.errors import UsageError
from pgpipe.files import copy

PATTERNS = ("*.csv", "*.json", "*.txt")


def require(dataset: DatasetSection, path: Path) -> None:
    """Raise a UsageError that names the parameter, where one of the files is not at `path`."""
    for key, name in dataset.tables.items():
        if path.is_dir():
            found = (path / name).is_file()
        else:
            found = path.suffix.lower() == ".zip" and member(path, name) is not None
        if not found:
            raise UsageError(
                f"dataset.{key}: {name}: not in dataset.path ({path}), the folder or zip that has "
                "to hold it"
            )


def fetch(path: Path, raw: Path) -> None:
    """Copy what may be such a file from the folder `path`."""
    for pattern in PATTERNS:
        for file in path.glob(pattern):
            if file.is_file() and not rawzip.is_hidden(file.name):
                copy(file, raw / file.name)


def read(raw: Path, name: str) -> bytes:
    """The content of a file that `fetch` copied, or that is in the one zip of `raw`.

    Raises:
        UsageError: it is in neither.
        IntegrityError: the zip is broken.
    """
    if (raw / name).is_file():
        return (raw / name).read_bytes()
    for archive in raw.glob("*.zip"):
        if (found := member(archive, name)) is not None:
            return next(data for _, data in rawzip.members(archive, found))
    raise UsageError(f"{name}: not in the data set; put it into the folder dataset.path")


def member(archive: Path, name: str) -> str | None:
    """The member of this name, in whatever folder; the one nearest to the top."""
    named = [at for at in rawzip.names(archive) if rawzip.parts(at)[-1:] == [name]]
    return min(named, key=lambda at: len(rawzip.parts(at)), default=None)
