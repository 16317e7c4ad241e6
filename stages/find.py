"""find: the user's files that a run is made of: its data set, and networks that it starts from.

It always runs, and writes the same bytes again unless one was changed, added, removed or renamed.
DVC cannot watch these files itself: git does not track them, so that the workspaces of queued and
temporary experiments have none. `download` and `init` depend on what is found here.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import Field

from pgpipe.config import Section, read_params
from pgpipe.data.config import Name
from pgpipe.data.sources import users_files
from pgpipe.errors import UsageError
from pgpipe.plumbing import filehashes, locks, startfile
from pgpipe.plumbing.files import write_bytes
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.plumbing.project import in_main_checkout, project_root
from stages.paths import FOUND, START

MUCH_BYTES = 10**9  # that take long enough to be watched


class Params(Section):
    """The parameters that the stage reads."""

    name: Name = Field(alias="dataset.name")
    path: str = Field(alias="dataset.path")
    start: str | None = Field(default=None, alias=startfile.KEY)


def run() -> None:
    """Write names, sizes and hashes of the user's files, nothing of this machine or of the clock.

    data/found.json has those of the data set, data/start.json the file of networks to start from.
    """
    params = read_params(Params)
    path = in_main_checkout(params.path)
    look(FOUND, params.name, path, lambda: users_files.of(params.name, path))
    place = startfile.place_of(params.start or "")
    look(START, startfile.KEY, place, lambda: start(params.start))


def look(target: Path, name: str, path: Path, files: Callable[[], Mapping[str, Path]]) -> None:
    """Write what the user's files at a path are."""
    memory = sha256_json([name, str(path.absolute())])[:16]
    try:
        kept = project_root() / f".pgpipe/found/{memory}.json"
        found = filehashes.hashes(files(), kept, watched)
    except (PermissionError, FileNotFoundError) as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    write_bytes(target, described(name, found).encode())


def start(given: str | None) -> dict[str, Path]:
    """Return the file of networks to start from, by its name; a run's is fetched once, and kept.

    Raises:
        UsageError: there is none.
        NetworkError: the store does not answer.
    """
    if not given:
        return {}
    if given.startswith(startfile.RUNS):
        from pgpipe.tracking.artifact import fetch

        place = startfile.place_of(given)
        place.parent.mkdir(parents=True, exist_ok=True)
        with locks.waiting(place.parent / "lock"), TemporaryDirectory(dir=place.parent) as folder:
            if not place.exists():
                fetch(given, Path(folder)).replace(place)
    file = startfile.file_of(given)
    return {file.name: file}


def described(name: str, found: Mapping[str, tuple[int, str]]) -> str:
    """The file as text, a line for each of the user's files."""
    if not found:
        return json.dumps({name: "none of the user's files"}) + "\n"
    rows = [json.dumps([file, size, sha256]) for file, (size, sha256) in found.items()]
    return f"{{{json.dumps(name)}: [\n  " + ",\n  ".join(rows) + "\n]}\n"


@contextmanager
def watched(size: int) -> Iterator[Callable[[int], None]]:
    """Show how much of so many bytes is hashed, where that takes long."""
    if size < MUCH_BYTES:
        yield lambda _: None
        return
    from pgpipe.reporting.progress import arriving

    done = 0

    def more(read: int) -> None:
        nonlocal done
        done += read
        arrived(done, "")

    with arriving("hashing", size) as arrived:
        yield more
