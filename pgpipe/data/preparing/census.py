"""How much a user's data are, from a look at names and sizes alone."""

from pgpipe.data.config import DatasetSection
from pgpipe.data.reading import rawzip
from pgpipe.data.reading.folder import files_under
from pgpipe.data.sources import catalogue


def of(dataset: DatasetSection) -> tuple[int | None, int]:
    """The number of images, at most, and the bytes of the data at `dataset.path`.

    None where the path is not there or the parameters say how many.

    Raises:
        IntegrityError: a zip that is none.
    """
    path = dataset.location
    if not catalogue.entries()[dataset.name].by_hand or not path.exists():
        return None, 0
    sizes = [path.stat().st_size]
    if path.is_dir():
        sizes = [file.stat().st_size for file in files_under(path)]
    if dataset.images or dataset.name not in ("folder", "zip"):
        return None, sum(sizes)
    return len(rawzip.names(path) if path.is_file() else sizes), sum(sizes)
