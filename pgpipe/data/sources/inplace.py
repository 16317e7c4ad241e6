"""A user's files where they lie: links to them in a folder, as `download` would copy them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pgpipe.data.config import MADE, DatasetSection
from pgpipe.data.reading import tables
from pgpipe.data.sources.source import Place, Report
from pgpipe.data.sources.table import source
from pgpipe.errors import PgpipeError, UsageError
from pgpipe.plumbing.project import folder_for_much


@contextmanager
def linked(dataset: DatasetSection, path: Path) -> Iterator[Path]:
    """A context of a folder like data/raw, of the files of a data set that lie at `path`.

    Raises:
        UsageError: they are not there; says what to put where, or what to run.
        IntegrityError: an archive is damaged.
    """
    with TemporaryDirectory(".tmp", ".pgpipe-", folder_for_much()) as made:
        scratch = Path(made)
        try:
            place = Place(dataset.name, path, scratch, refuse, linked=True, verify=dataset.verify)
            source(dataset.name).fetch(place)
            if dataset.name not in MADE:
                tables.fetch(path, scratch)
            yield scratch
        except (PermissionError, FileNotFoundError) as error:
            message = f"{error.filename}: {error.strerror}"
            raise UsageError(by_own_names(message, scratch)) from None
        except PgpipeError as error:
            raise type(error)(by_own_names(str(error), scratch)) from None


def by_own_names(message: str, scratch: Path) -> str:
    """A message with the user's files in place of the links to them."""
    for link in scratch.iterdir():
        if link.is_symlink():
            message = message.replace(str(link), str(link.readlink()))
    return message


def refuse(file: str, _size: int) -> AbstractContextManager[Report]:
    """In place of a download."""
    raise UsageError(
        f"{file} is neither fetched yet nor in dataset.path; run `dvc repro download`, then again"
    )
