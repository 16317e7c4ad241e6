"""Files that say more of the images: labels, boxes, names. They lie in dataset.path.

In a folder they are copied to data/raw, so that DVC sees a change; an archive is there as a whole.
"""

from pathlib import Path
from typing import NamedTuple

from pgpipe.data.config import DatasetSection
from pgpipe.data.reading import bounds, rawzip
from pgpipe.errors import UsageError
from pgpipe.plumbing.files import copy

PATTERNS = ("*.csv", "*.json", "*.txt")
LOOKED_BYTES = 1 << 28  # of a tar that is read to its end for what may be in it
OFFICIAL = "dataset.json"  # which NVIDIA's dataset_tool.py writes beside the images


class Table(NamedTuple):
    """A file, and the folder of the set that it lies in: "" or "some/folder/"."""

    data: bytes
    folder: str


def require(dataset: DatasetSection, path: Path) -> None:
    """Refuse files that are not at `path`.

    Raises:
        UsageError: one is not there; the message names the parameter.
        IntegrityError: one is too large.
    """
    archives = [path] if path.is_file() else [f for f in path.glob("*.*") if f.is_file()]
    if any(is_tar(file) and file.stat().st_size > LOOKED_BYTES for file in archives):
        return
    for key, name in dataset.tables.items():
        places = (path, *archives)
        if (path / name).is_file():
            bounds.require_file(path / name, "table", bounds.TABLE_BYTES)
        elif not any(find(place, name) for place in places):
            raise UsageError(
                f"dataset.{key}: {name}: not in dataset.path ({path}), the folder or archive that "
                "has to hold it"
            )


def beside(path: Path) -> list[Path]:
    """What may be such a file in the folder `path`: none is larger than what is read."""
    files = [file for pattern in PATTERNS for file in path.glob(pattern) if file.is_file()]
    return [
        file
        for file in files
        if not rawzip.is_hidden(file.name) and file.stat().st_size <= bounds.TABLE_BYTES
    ]


def fetch(path: Path, raw: Path) -> None:
    """Copy the tables that lie beside a user's images."""
    for file in beside(path):
        copy(file, raw / file.name)


def read(raw: Path, name: str) -> Table:
    """A file that `fetch` copied, or that is among the images in `raw`.

    Raises:
        UsageError: it is in neither.
        IntegrityError: it is too large, or an archive is broken.
    """
    if (raw / name).is_file():
        return Table(bounds.content(raw / name, "table", bounds.TABLE_BYTES), "")
    for held in sorted(raw.iterdir()):
        if (found := find(held, name)) is not None:
            return found
    raise UsageError(f"{name}: not in the data set; put it into the folder dataset.path")


def find(held: Path, name: str) -> Table | None:
    """The file of this name in a folder, a zip or a tar: the one nearest to the top."""
    if held.is_dir():
        return in_folder(held, name)
    if held.suffix.lower() == ".zip":
        return in_zip(held, name)
    return in_tar(held, name) if is_tar(held) else None


def is_tar(path: Path) -> bool:
    """Whether a file is one by its name."""
    return bool({".tar", ".tgz"} & {*path.suffixes})


def in_folder(folder: Path, name: str) -> Table | None:
    """Return the file of this name in a folder, or nearest below it."""
    from pgpipe.data.reading.folder import files_under

    found = [path.relative_to(folder) for path in files_under(folder) if path.name == name]
    if not found:
        return None
    nearest = min(found, key=lambda path: (len(path.parts), path))
    data = bounds.content(folder / nearest, "table", bounds.TABLE_BYTES)
    return Table(data, place(nearest.as_posix()))


def in_zip(archive: Path, name: str) -> Table | None:
    """Return the file of this name in a zip, the nearest to its top."""
    named = [at for at in rawzip.names(archive) if rawzip.parts(at)[-1:] == [name]]
    if not named:
        return None
    nearest = min(named, key=lambda at: len(rawzip.parts(at)))
    found = rawzip.members(archive, nearest, bounds.TABLE_BYTES)
    return Table(next(data for _, data in found), place(nearest))


def in_tar(archive: Path, name: str) -> Table | None:
    """Return the file of this name in a tar, which is read to its end."""
    from pgpipe.data.reading import tars

    nearest: tuple[str, bytes] | None = None
    for at, size, file in tars.files(archive):
        steps = rawzip.parts(at)
        closer = nearest is None or len(steps) < len(rawzip.parts(nearest[0]))
        if steps[-1:] == [name] and closer:
            nearest = at, tars.whole(archive, at, size, file, bounds.TABLE_BYTES)
    return nearest and Table(nearest[1], place(nearest[0]))


def place(name: str) -> str:
    """The folder of a file's name, with a slash at its end unless it is the top."""
    return "".join(f"{step}/" for step in rawzip.parts(name)[:-1])
