"""The first line of a params.yaml that presets made: which presets, and of which content.

    # `pgpipe preset quick` made this of 3f2a0c...; `pgpipe preset default` goes back.

The content is named as git names it, which has it where it was committed; a copy is kept, too.
"""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from pgpipe.plumbing.files import write_bytes
from pgpipe.plumbing.git import git
from pgpipe.plumbing.project import project_root

LINE = re.compile(
    r"^\ufeff?# `pgpipe preset (?P<names>[^`\n]+)` made this of (?P<base>[0-9a-f]{40});[^\n]*\n",
    re.MULTILINE,  # the user may write something above it
)


class Mark(NamedTuple):
    """What made a params.yaml: the presets' names, and what they were merged into."""

    names: list[str]
    base: str  # git's name for the content


def read(text: str) -> Mark | None:
    """The mark of a params.yaml; None where no preset made it."""
    found = LINE.search(text)
    return Mark(found["names"].split(), found["base"]) if found else None


def marked(text: str, names: list[str], base: str) -> str:
    """The text of a params.yaml that presets made of `base`, with the mark, which keeps `base`."""
    line = (
        f"# `pgpipe preset {' '.join(names)}` made this of {keep(base)}; "
        "`pgpipe preset default` goes back.\n"
    )
    return line + text


def keep(base: str) -> str:
    """Keep a content, so that `find` finds it; its name."""
    data = base.encode()
    name = blob_name(data)
    write_bytes(folder() / f"{name}.yaml", data)
    return name


def find(name: str) -> str | None:
    """The content of this name, if it was kept here, or git has it."""
    kept = folder() / f"{name}.yaml"
    data = kept.read_bytes() if kept.exists() else b""
    if blob_name(data) != name:
        data = git("cat-file", "blob", name) or b""
    return data.decode() if blob_name(data) == name else None


def blob_name(data: bytes) -> str:
    """Git's name for a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def folder() -> Path:
    """Where contents are kept."""
    return project_root() / ".pgpipe" / "presets"
