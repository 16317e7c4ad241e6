"""Which of the user's files at `dataset.path` each data set is made of, from their names alone.

What `find` lists is what `download` takes. Nothing heavy is imported: `find` always runs.
"""

from collections.abc import Callable
from pathlib import Path

from pgpipe.data import folder, tables
from pgpipe.data.config import MADE
from pgpipe.data.sources import lsun
from pgpipe.data.sources.catalogue import entries

MNIST = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")  # images, then labels


def of(name: str, path: Path) -> dict[str, Path]:
    """Return the files that the data set `name` takes of `path`, by their names there, sorted.

    Raises:
        UsageError: a name is not UTF-8, or there is no database of LSUN.
    """
    found = set(OF_SETS.get(name, published(name))(path))
    if name not in MADE:
        found |= set(tables.beside(path))
    return dict(sorted((shown(path, file), file) for file in found))


def shown(path: Path, file: Path) -> str:
    """The name of a file in the folder `path`, or of `path` itself."""
    return file.relative_to(path).as_posix() if file != path else path.name


def matching(path: Path, *patterns: str) -> list[Path]:
    """`path`, if it is a file that fits one of the patterns; else the files in it that do."""
    if path.is_file():
        return [path] if any(path.match(pattern) for pattern in patterns) else []
    return sorted({f for pattern in patterns for f in path.glob(pattern) if f.is_file()})


def of_pattern(*patterns: str) -> Callable[[Path], list[Path]]:
    """A choice of the files that fit one of the patterns."""
    return lambda path: matching(path, *patterns)


def published(name: str) -> Callable[[Path], list[Path]]:
    """A choice of the files that the catalogue names."""
    return lambda path: [own for file in entries()[name].files if (own := copy_of(path, file))]


def copy_of(path: Path, name: str) -> Path | None:
    """The user's copy of a published file: in the folder `path`, or `path` itself; None without."""
    own = path if path.name == name else path / name
    return own if own.is_file() else None


def images(path: Path) -> list[Path]:
    """All visible files of a folder, or a zip."""
    return [file for _, file in folder.named(path)] if path.is_dir() else [path]


def records(path: Path) -> list[Path]:
    """The TFRecord file of the largest images, which is the largest file, and the labels."""
    found = matching(path, "*.tfrecords")
    largest = [max(found, key=lambda file: file.stat().st_size)] if found else []
    return largest if path.is_file() else largest + matching(path, "*.labels")


def are_records(path: Path) -> bool:
    """Whether ready images are TFRecords; else they are a folder or a zip."""
    return path.suffix == ".tfrecords" or any(path.glob("*.tfrecords"))


def ready(path: Path) -> list[Path]:
    """TFRecords where there are any, else a folder or zip."""
    return (records if are_records(path) else images)(path)


def databases(path: Path) -> list[Path]:
    """The zips and the databases of LSUN's categories."""
    return [at / lsun.DATA if at.is_dir() else at for at in lsun.databases(path)]


def mnist(path: Path) -> list[Path]:
    """MNIST's training images and labels, as far as they are there."""
    return [file for name in MNIST if (file := unpacked_or_not(path, name))]


def unpacked_or_not(path: Path, name: str) -> Path | None:
    """The file `name` or `name.gz` of a folder; None where neither is there."""
    return next((f for f in (path / name, path / f"{name}.gz") if f.is_file()), None)


def nothing(_: Path) -> list[Path]:
    """What is embedded takes no file."""
    return []


OF_SETS = {
    "photos": nothing,
    "digits-1k": nothing,
    "mnist-1k": mnist,
    "celeba-hq": ready,
    "ffhq": ready,
    "lsun": databases,
    "folder": images,
    "zip": of_pattern("*.zip"),
    "tar": of_pattern("*.tar", "*.tar.gz", "*.tgz", "*.tar.bz2", "*.tar.xz"),
    "webdataset": of_pattern("*.tar"),
    "hdf5": of_pattern("*.h5", "*.hdf5"),
    "npz": of_pattern("*.npz", "*.npy"),
    "parquet": of_pattern("*.parquet"),
    "tfrecords": records,
}  # of the others: the files that the catalogue names
