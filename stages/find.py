"""find: which of the user's files the data set is made of.

It always runs, and writes the same bytes again unless one was changed, added, removed or renamed.
DVC cannot watch these files itself: git does not track them, so that the workspaces of queued and
temporary experiments have none. `download` depends on what is found here.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pydantic import Field

from pgpipe.config import Section, read_params
from pgpipe.data.config import Name
from pgpipe.data.sources import users_files
from pgpipe.errors import UsageError
from pgpipe.plumbing import filehashes
from pgpipe.plumbing.files import write_bytes
from pgpipe.plumbing.hashes import sha256_json
from pgpipe.plumbing.project import in_main_checkout, project_root
from stages.paths import FOUND

MUCH_BYTES = 10**9  # that take long enough to be watched


class Params(Section):
    """The parameters that the stage reads."""

    name: Name = Field(alias="dataset.name")
    path: str = Field(alias="dataset.path")


def run() -> None:
    """Write data/found.json: names, sizes and hashes, nothing of this machine or of the clock."""
    params = read_params(Params)
    path = in_main_checkout(params.path)
    memory = sha256_json([params.name, str(path.absolute())])[:16]
    try:
        files = users_files.of(params.name, path)
        found = filehashes.hashes(files, project_root() / f".pgpipe/found/{memory}.json", watched)
    except (PermissionError, FileNotFoundError) as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    write_bytes(FOUND, described(params.name, found).encode())


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
