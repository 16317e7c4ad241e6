"""DVC's cache: an object's name is the MD5 of its content; a folder is a list of its files.

files/md5/AB/CDEF...       a file
files/md5/AB/CDEF....dir   JSON: [{"md5": ..., "relpath": ...}, ...]
"""

import json
import re
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import NamedTuple

from pgpipe.upkeep.claims import Claim, Fault
from pgpipe.upkeep.lockfile import FOLDER, LOCK_FILE, Output

OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")
ITSELF = "its name"


class Cache(NamedTuple):
    """The objects, those that list a folder read; `faults`: lists that are damaged."""

    folder: Path
    lists: dict[str, dict[str, str]]  # by the list's name: MD5 by relative path
    files: list[str]
    faults: list[Fault]

    def path(self, name: str) -> Path:
        """Where the object of this name lies."""
        return self.folder / name[:2] / name[2:]


def read(folder: Path) -> Cache:
    """The cache in `folder`, such as `.dvc/cache/files/md5`."""
    cache = Cache(folder, {}, [], [])
    for path in sorted(folder.glob("??/*")):
        name = path.parent.name + path.name
        if not OBJECT.fullmatch(path.name):
            continue
        if name.endswith(FOLDER):
            read_list(cache, name)
        else:
            cache.files.append(name)
    return cache


def read_list(cache: Cache, name: str) -> None:
    """Read a list into the cache, or note that it is damaged."""
    path = cache.path(name)
    data, wanted = path.read_bytes(), name.removesuffix(FOLDER)
    found = md5(data, usedforsecurity=False).hexdigest()
    if found == wanted:
        cache.lists[name] = {entry["relpath"]: entry["md5"] for entry in json.loads(data)}
    else:
        stat = path.stat()
        claim = Claim(path, "md5", wanted, ITSELF)
        cache.faults.append(Fault(claim, found, (stat.st_dev, stat.st_ino)))


def objects(cache: Cache) -> Iterator[Claim]:
    """Every file in the cache is what its name says."""
    return (Claim(cache.path(name), "md5", name, ITSELF) for name in cache.files)


def of_output(cache: Cache, output: Output) -> Iterator[Claim]:
    """What a project and its cache hold of an output.

    A folder whose list is not in the cache can only be said to lack it.
    """
    if not output.md5.endswith(FOLDER):
        yield from in_both(cache, output.path, output.md5, str(LOCK_FILE), output.cached)
        return
    if output.md5 not in cache.lists:
        wanted = output.md5.removesuffix(FOLDER)
        yield Claim(cache.path(output.md5), "md5", wanted, f"{LOCK_FILE}, {output.path.name}")
    for name, wanted in cache.lists.get(output.md5, {}).items():
        source = f"{LOCK_FILE}, {output.path.name}"
        yield from in_both(cache, output.path / name, wanted, source, output.cached)


def in_both(cache: Cache, path: Path, wanted: str, source: str, cached: bool) -> Iterator[Claim]:
    """A file in the workspace, and its object in the cache."""
    yield Claim(path, "md5", wanted, source)
    if cached:
        name = ITSELF if wanted in cache.files else source
        yield Claim(cache.path(wanted), "md5", wanted, name)
