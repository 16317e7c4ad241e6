"""The data set mnist-1k: stacks of MNIST's digits, from the user's own files of them."""

from pathlib import Path

from pgpipe.data.reading.bounds import content
from pgpipe.data.reading.rawzip import NAME, members, pack
from pgpipe.data.sources import stacked
from pgpipe.data.sources.mnist import IMAGES, KIND, LABELS, parse
from pgpipe.data.sources.stacks import Digits
from pgpipe.errors import UsageError


def fetch(folder: Path, target: Path) -> None:
    """Check MNIST's training images and labels, gzipped or not, and pack them into `target`.

    Raises:
        UsageError: they are not in `folder`, or not readable.
        IntegrityError: they are not what their names say.
    """
    try:
        files = {name: content(find(folder, name), KIND) for name in (IMAGES, LABELS)}
    except PermissionError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    parse(files)
    pack(files.items(), target)


def find(folder: Path, name: str) -> Path:
    """The file `name` or `name.gz` of a folder."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise UsageError(f"{folder}: no {name}[.gz]; set dataset.path to the folder of MNIST's files")


def read(archive: Path) -> Digits:
    """The digits that `fetch` packed."""
    return Digits(*parse(dict(members(archive))))


SOURCE = stacked.source(lambda place: fetch(place.path, place.raw / NAME), read)
