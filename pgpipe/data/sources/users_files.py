"""Which of the user's files at `dataset.path` each data set is made of, from their names alone.

What `find` lists is what `download` takes; a test holds them equal. Nothing heavy is imported here:
`find` always runs.
"""

from pathlib import Path

from pgpipe.data.config import MADE
from pgpipe.data.reading import tables, tars
from pgpipe.data.sources import identity
from pgpipe.data.sources.catalogue import Published, entries, require_path
from pgpipe.errors import UsageError


def of(name: str, path: Path) -> dict[str, Path]:
    """Return the files that the data set `name` takes of `path`, by their names there, sorted.

    Raises:
        UsageError: there are none, and nothing else has them; says what to put where.
    """
    require_path(name, path)
    found = set(taken(name, path))
    if (by_hand := entries()[name].by_hand) and not found:
        raise UsageError(
            f"dataset.path: {path}: nothing there that {name} takes; put there {by_hand}"
        )
    if name not in MADE and path.is_dir():
        found |= {*tables.beside(path)}
    return dict(sorted((shown(path, file), file) for file in found))


def taken(name: str, path: Path) -> list[Path]:
    """The files at `path` as the catalogue says: by a function here, by patterns, or by names."""
    entry = entries()[name]
    if entry.taken_by:
        return CHOICES[entry.taken_by](path)
    return matching(path, *entry.takes) if entry.takes else published(name, path)


def shown(path: Path, file: Path) -> str:
    """The name of a file in the folder `path`, or of `path` itself."""
    return file.name if file == path else str(file).removeprefix(f"{path}/")


def matching(path: Path, *patterns: str) -> list[Path]:
    """`path`, if it is a file that fits one of the patterns; else the files in it that do."""
    if path.is_file():
        return [path] if any(path.match(pattern) for pattern in patterns) else []
    return sorted({f for pattern in patterns for f in path.glob(pattern) if f.is_file()})


def published(name: str, path: Path) -> list[Path]:
    """The user's copies of the files that the catalogue names."""
    copies = (copy_of(path, *known) for known in entries()[name].files.items())
    return [file for copy in copies if copy for file in files_at(copy)]


def copy_of(path: Path, name: str, file: Published) -> Path | None:
    """A user's copy of a published file: `path` itself, or in the folder `path`."""
    names = [*identity.names(name, file)]
    places = [*([path] if path.name in names else []), *(path / name for name in names)]
    return next((p for p in places if p.is_file() or (p.is_dir() and p.name == file.folder)), None)


def files_at(copy: Path) -> list[Path]:
    """A file, or those of an unpacked archive that are packed again."""
    return [copy] if copy.is_file() else [file for _, file in tars.visible(copy)]


def images(path: Path) -> list[Path]:
    """All visible files of a folder, or a zip."""
    if not path.is_dir():
        return matching(path, "*.zip", "*.ZIP")
    from pgpipe.data.reading import folder

    return [file for _, file in folder.named(path)]


def records(path: Path) -> list[Path]:
    """The TFRecord file of the largest images, which is the largest file, and the labels."""
    found = matching(path, "*.tfrecords")
    largest = [max(found, key=lambda file: file.stat().st_size)] if found else []
    return largest if path.is_file() else [*largest, *matching(path, "*.labels")]


def ready(path: Path) -> list[Path]:
    """TFRecords where there are any, else a folder or zip."""
    return records(path) if matching(path, "*.tfrecords") else images(path)


def databases(path: Path) -> list[Path]:
    """LSUN's database in the folder `path`, or those in its folders, and the zips of them."""
    if (path / "data.mdb").is_file():
        return [path / "data.mdb"]
    return [*matching(path, "*/data.mdb"), *matching(path, "*.zip")]


def mnist(path: Path) -> list[Path]:
    """MNIST's training images and labels, gzipped or not: of either the first that is there."""
    found = []
    for name in "train-images-idx3-ubyte", "train-labels-idx1-ubyte":
        found += [file for file in (path / name, path / f"{name}.gz") if file.is_file()][:1]
    return found


CHOICES = {choose.__name__: choose for choose in (images, records, ready, databases, mnist)}
