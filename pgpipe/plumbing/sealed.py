"""What one stage hands to another: sealed by its writer, and read as it was written or not at all.

    <folder of a stage>/.hashes.json    {"images.npy": SHA-256, "previews/r4-1.png": SHA-256, ...}

The writer of a folder seals it last. Whoever reads a file of it afterwards gets what was written,
or an error that names the file and the stage that makes it anew: there is one reader per format
here, and a test holds that stages use no other. A folder without a seal, as an older version or a
user leaves it, is read as it is.

Hashes of large files are kept by size, times and inode, so that each is hashed once until somebody
changes it; a disk that changes bits by itself changes no time, and is found by `pgpipe verify`
alone.
"""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pgpipe.errors import IntegrityError, PgpipeError, UsageError, said_by
from pgpipe.plumbing import filehashes
from pgpipe.plumbing.files import link_or_copy, write_json
from pgpipe.plumbing.hashes import sha256, sha256_file
from pgpipe.plumbing.project import project_root
from pgpipe.plumbing.unwritable import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEAL = ".hashes.json"
MUCH_BYTES = 1 << 24  # of a file, whose hash is kept

Rows = list[dict[str, str]]
Seal = tuple[Path, dict[str, str]]  # a folder, and what its writer left there: hashes by name

MAKERS = {  # the stage that writes a file, by how its path begins; `train` by the folder's name
    "data/start.json": "find",
    "data/raw": "download",
    "data/multires": "prepare",
    "data/machine": "machine",
    "models/init": "init",
    "models/layers": "init",
    "models": "train",
    "reference": "reference",
    "samples": "sample",
    "reports": "score",
}


def seal(folder: Path, *some: Path, known: Mapping[str, str] | None = None) -> None:
    """Write the hashes of all files in a folder, or of some; what is `known` is not read."""
    known, hashes = known or {}, {}
    for path in some or there(folder, "*"):
        name = path.relative_to(folder).as_posix()
        hashes[name] = known.get(name) or sha256_file(path)
    write_json(folder / SEAL, hashes)


def there(folder: Path, pattern: str) -> list[Path]:
    """Return the files in a folder and below it whose names fit, but for its seal."""
    return sorted(p for p in folder.rglob(pattern) if p.name != SEAL and not p.is_dir())


def stated(folder: Path) -> dict[str, str] | None:
    """Return the hashes that the writer of a folder left; None where it is not sealed."""
    path = folder / SEAL
    if not os.path.lexists(path):
        return None
    data = plain(path)
    with blaming(path, "list of hashes"):
        found = json.loads(data)
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            raise ValueError("no object of names with hashes")
    return found


def seal_of(path: Path) -> Seal | None:
    """Return the sealed folder that a file lies in, and what it states; None without one."""
    for folder in list(path.parents)[:3]:  # data/multires/held_out/r16/00000.npy
        if (hashes := stated(folder)) is not None:
            return folder, hashes
    return None


def files(folder: Path, pattern: str = "*") -> list[Path]:
    """Return the files of a folder that fit, by name: what its writer left, be it there or not."""
    found = seal_of(folder / SEAL)
    if found is None:
        return there(folder, pattern)
    paths = (found[0] / name for name in found[1])
    return sorted(p for p in paths if p.is_relative_to(folder) and p.match(pattern))


def has(path: Path) -> bool:
    """Return whether a file that is not always there was written."""
    found = seal_of(path)
    if found is None:
        return os.path.lexists(path)
    return path.relative_to(found[0]).as_posix() in found[1]


def require(*paths: Path) -> None:
    """Refuse files that are not what their writer left.

    Raises:
        UsageError: one is missing where nothing was written, or may not be read.
        IntegrityError: one is damaged.
    """
    seals = {folder: seal_of(folder / SEAL) for folder in {path.parent for path in paths}}
    require_known({path: known_hash(path, seals[path.parent]) for path in paths})


def require_known(known: Mapping[Path, str | None]) -> None:
    """Refuse files that are not there, or have another hash than is known of them."""
    for path in known:
        with blaming(path, "file"):
            if path.exists() and not path.is_file():
                raise IsADirectoryError
            path.open("rb").close()
    wanted = {path: value for path, value in known.items() if value is not None}
    for path, found in hashes_of(list(wanted)).items():
        require_hash(path, found, wanted[path])


def known_hash(path: Path, seal: Seal | None) -> str | None:
    """Return the hash that a file has to have by a seal; None without one."""
    if seal is None:
        return None
    folder, hashes = seal
    name = path.relative_to(folder).as_posix()
    if name not in hashes:
        raise damaged(path, f"not one of the files that {folder / SEAL} names")
    return hashes[name]


def require_hash(path: Path, found: str, known: str) -> None:
    """Refuse a file of another hash."""
    if found != known:
        raise damaged(path, f"not what was written (hash differs from {SEAL})")


def require_raw(folder: Path, memory: Path) -> dict[str, tuple[int, str]]:
    """Refuse a folder of large files one of which is not what its writer left.

    Args:
        folder: may not be sealed yet.
        memory: file that keeps their hashes, so that none is read again until it changes.

    Returns:
        Size and SHA-256 by relative name.
    """
    known, paths = stated(folder), files(folder) if folder.exists() else [folder]
    require_known(dict.fromkeys(paths))
    named = {path.relative_to(folder).as_posix(): path for path in there(folder, "*")}
    with blaming(folder, "folder"):
        found = filehashes.hashes(named, memory, unwatched)
    if known is not None:
        for name, (_, sha256) in found.items():
            require_hash(named[name], sha256, known.get(name, ""))
    return found


def hashes_of(paths: list[Path]) -> dict[Path, str]:
    """Return the SHA-256 of files that are there; those of large ones are kept.

    Each is kept for itself, so that whoever asks for it, among whichever others, finds it.
    """
    return {
        path: sha256_file(path) if path.stat().st_size < MUCH_BYTES else kept_hash(path)
        for path in paths
    }


def kept_hash(path: Path) -> str:
    """Return the SHA-256 of a file, which is hashed once until somebody changes it."""
    memory = project_root() / ".pgpipe/hashed" / f"{sha256(os.fsencode(path))[:16]}.json"
    return filehashes.hashes({path.name: path}, memory, unwatched)[path.name][1]


@contextmanager
def unwatched(_size: int) -> Iterator[Callable[[int], None]]:
    """Hash files without a word."""
    yield lambda _: None


def plain(path: Path) -> bytes:
    """Return the bytes of a file, whatever they are."""
    with blaming(path, "file"):
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise IsADirectoryError
        return path.read_bytes()


def content(path: Path) -> bytes:
    """Return the bytes of a file; errors are those of `require`."""
    data = plain(path)
    if (known := known_hash(path, seal_of(path))) is not None:
        require_hash(path, sha256(data), known)
    return data


def read_json(path: Path) -> Any:
    """Return the value of a JSON file; errors are those of `require`."""
    data = content(path)
    with blaming(path, "JSON file"):
        return json.loads(data)


def read_rows(path: Path) -> Rows:
    """Return the rows of a CSV file by column; errors are those of `require`."""
    data = content(path)
    with blaming(path, "CSV file"):
        return list(csv.DictReader(io.StringIO(data.decode())))


def read_array(path: Path, mode: Literal["r", "c"] | None = None) -> "NDArray[Any]":
    """Return the array of a .npy file, mapped in a mode; errors are those of `require`."""
    import numpy as np  # what reads no arrays does without

    if mode is None:
        data = io.BytesIO(content(path))
    else:
        require(path)
    with blaming(path, "array"):
        found: NDArray[Any] = np.load(data if mode is None else path, mode, allow_pickle=False)
    return found


def hand_on(paths: Sequence[Path], folder: Path) -> None:
    """Link files into a folder, or copy them; errors are those of `require`."""
    require(*paths)
    for path in paths:
        link_or_copy(path, folder / path.name)


@contextmanager
def blaming(path: Path, kind: str) -> Iterator[None]:
    """Have what goes wrong while a file is read be the user's error about it.

    Raises:
        UsageError: it is missing, or may not be read.
        ResourceError: the system has not enough of something.
        IntegrityError: it is no readable `kind`.
    """
    try:
        yield
    except (PgpipeError, MemoryError):
        raise
    except FileNotFoundError:
        if path.name == SEAL or seal_of(path) is not None:
            raise damaged(path, f"missing, though {SEAL} names it") from None
        raise UsageError(f"{path}: not found{remade(path)}") from None
    except IsADirectoryError:
        raise damaged(path, "no file, but a folder or the like") from None
    except NotADirectoryError as error:
        file = next(place for place in path.parents if os.path.lexists(place))
        found = damaged(file, "no folder") if maker(file) else refusal(error, file)
        raise found or error from None
    except OSError as error:
        raise refusal(error, path) or error from None
    except Exception as error:  # damaged bytes make libraries raise anything, EOFError too
        raise damaged(path, f"not a readable {kind}: {said_by(error)}") from error


def damaged(path: Path, reason: str) -> IntegrityError:
    """Return the error about a file that is not what was written."""
    return IntegrityError(f"{path}: {reason}{remade(path, 'run `pgpipe repair`, then', '-s -f ')}")


def remade(path: Path, first: str = "run", options: str = "") -> str:
    """Return what to do to have a file, as the end of a line; nothing where it is the user's."""
    stage = maker(path)
    return stage and f"; {first} `dvc repro {options}{stage}`"


def maker(path: Path) -> str:
    """Return the stage that writes a file, as DVC calls it; "" where none does."""
    place = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    found = next((p for p in [place, *place.parents] if p.as_posix() in MAKERS), None)
    if found is None:
        return ""
    stage = MAKERS[found.as_posix()]
    key = f"@{place.relative_to(found).parts[0]}" if stage == "train" and place != found else ""
    return f"{stage}{key}"
