"""What is known of each data set: `catalogue.yaml`, a file beside this one."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pydantic import Field

from pgpipe.config import Section, load_yaml, validate
from pgpipe.errors import UsageError

FILE = Path(__file__).with_name("catalogue.yaml")


class Published(Section):
    """A file of a data set; 0, "" and none: not known."""

    size: int = Field(default=0, ge=0)  # bytes
    sha256: str = Field(default="", pattern="^([0-9a-f]{64})?$")
    md5: str = Field(default="", pattern="^([0-9a-f]{32})?$")
    content: str = Field(default="", pattern="^([0-9a-f]{64})?$")  # SHA-256 of what gzip packs
    members: dict[str, str] = Field(default_factory=dict)  # SHA-1 of files that a tar has
    folder: str = ""  # that is left where such a tar is unpacked


class Entry(Section):
    """A data set of the catalogue."""

    source: str = Field(pattern=r"^\w+:\w+$")  # module of this package, and what in it
    title: str
    licence: str
    images: int = Field(default=0, ge=0)  # 0: not known
    package: str = ""  # that carries it, an extra of this one by the data set's name
    by_hand: str = ""  # what the user puts at dataset.path, where nothing fetches it
    mirrors: tuple[str, ...] = Field(
        default=(), strict=False
    )  # addresses that the files' names follow
    files: dict[str, Published] = Field(default_factory=dict)
    choice: bool = False  # any of the files will do
    takes: tuple[str, ...] = Field(default=(), strict=False)  # patterns of the user's own files
    taken_by: str = ""  # else the function of users_files that finds them

    @property
    def bytes(self) -> int:
        """The size of all files, where that is known."""
        return 0 if self.choice else sum(file.size for file in self.files.values())


class Catalogue(Section):
    """All of them, by dataset.name."""

    entries: dict[str, Entry]


@cache
def sources() -> dict[str, str]:
    """Return the `source` of each data set by name, without parsing what else is known of it."""
    text = FILE.read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z][a-z0-9-]*):\n  source: (\S+)$", text, re.MULTILINE))


@cache
def entries() -> dict[str, Entry]:
    """The data sets by name, in the catalogue's order."""
    return validate(Catalogue, {"entries": load_yaml(FILE)}, str(FILE)).entries


def require_path(name: str, path: Path) -> None:
    """Raise a UsageError that says what to put where, or to install, if there are no files yet."""
    entry = entries()[name]
    if entry.package and find_spec(entry.package) is None:
        raise UsageError(
            f"dataset.name: {name} needs the package {entry.package.replace('_', '-')}: pip "
            f"install 'pgpipe[{name}]'"
        )
    if entry.by_hand and not path.exists():
        raise UsageError(f"dataset.path: {path}: not found; put there {entry.by_hand}")


def listing() -> list[tuple[str, str]]:
    """Each data set by name, with what is known of it in words."""
    return [(name, "; ".join(described(entry))) for name, entry in entries().items()]


def described(entry: Entry) -> Iterator[str]:
    """Title, size and licence, and what the user puts there by hand."""
    yield entry.title
    if entry.bytes:
        yield f"{entry.bytes / 1e6:,.0f} MB"
    yield f"licence: {entry.licence}"
    if entry.by_hand:
        yield f"put at dataset.path: {entry.by_hand}"
