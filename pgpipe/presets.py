"""Presets: named overlays in presets/ that are merged into params.yaml, whose comments stay.

A preset is an overlay (see pgpipe.overlay). Its first line, a comment, is its title; with
`base: NAME` it continues another preset and names only what differs from that one.
"""

import subprocess
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from textwrap import wrap
from typing import Any

from ruamel.yaml import YAML

from pgpipe.config import PARAMS_FILE, load_yaml, lookup, nearest
from pgpipe.errors import UsageError
from pgpipe.files import atomic
from pgpipe.overlay import apply, combine, directives

FOLDER = Path("presets")
WIDTH = 100  # of a terminal, in characters
LEFT = 48  # of it for the left column, at most


def titles() -> dict[str, str]:
    """Every preset's name and title."""
    return {f.stem: title(f) for f in sorted(FOLDER.glob("*.yaml"), key=lambda f: f.stem)}


def title(file: Path) -> str:
    """The first line of a preset, without the comment's sign."""
    return file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def find(name: str) -> Path:
    """The file of a preset."""
    known = titles()
    if name not in known:  # also a path, such as ../params
        raise UsageError(f"preset {name!r} is unknown{nearest(name, list(known))}")
    return FOLDER / f"{name}.yaml"


def lineage(name: str, *after: str) -> list[dict[str, Any]]:
    """The overlays of a preset, those that it continues before it.

    Raises:
        UsageError: it is unknown or no overlay, or continues itself.
    """
    if name in after:
        raise UsageError(f"preset {name!r} continues itself: {', '.join(after)}")
    file = find(name)
    overlay = load_yaml(file, comments=True)  # and the style of its mappings
    base = directives(overlay, str(file)).base
    return [*(lineage(base, *after, name) if base else []), overlay]


def merged(names: list[str]) -> Any:
    """params.yaml with presets merged in order, as a document that keeps its comments."""
    document = load_yaml(PARAMS_FILE, comments=True)
    overlay = combine(overlay for name in names for overlay in lineage(name))
    apply(document, overlay, f"preset {' '.join(names)}")
    return document


def listing() -> list[str]:
    """Every preset with its title, for a terminal."""
    return columns(list(titles().items()))


def changes(names: list[str]) -> list[str]:
    """What presets would change in params.yaml, and what each key means, for a terminal."""
    after = merged(names)
    before = load_yaml(PARAMS_FILE, comments=True)
    lines = PARAMS_FILE.read_text(encoding="utf-8").splitlines()
    rows = [
        (f"{path}: {in_words(old)} -> {in_words(new)}", meaning(before, lines, path))
        for path, old, new in differences(before, after)
    ]
    return [*map(title, map(find, names)), *(columns(rows) or ["  changes nothing"])]


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], parent: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Dotted path, old and new value of all that differs; a whole mapping where one has none."""
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from differences(before, after, f"{parent}{key}.")
        elif before != after:
            yield f"{parent}{key}", before, after


def in_words(value: Any) -> str:
    """A parameter's value on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {in_words(inner)}" for key, inner in value.items())
    if value is None:
        return "(none)"
    return str(value).lower() if isinstance(value, bool) else str(value)


def meaning(document: Any, lines: list[str], path: str) -> str:
    """The comment beside a key of params.yaml, of whose `lines` the `document` was read."""
    parent, _, key = path.rpartition(".")
    section = lookup(document, parent) if parent else document
    first, *below = lines[section.lc.key(key)[0] :] if key in section else [""]
    column = first.find(" # ") + 1
    if not column or not first.lstrip().startswith(f"{key}:"):
        return ""
    more = takewhile(lambda line: line.startswith(" " * column + "# "), below)
    return " ".join(line[column + 2 :] for line in (first, *more))


def columns(rows: list[tuple[str, str]]) -> list[str]:
    """Two columns, the right one wrapped; a long name reaches over."""
    left = max((len(name) for name, text in rows if text and len(name) <= LEFT), default=0)
    hanging = " " * (left + 4)
    return [
        line
        for name, text in rows
        for line in wrap(
            f"{name:<{left}}  {text}", WIDTH, initial_indent="  ", subsequent_indent=hanging
        )
    ]


def write(document: Any) -> None:
    """Write params.yaml."""
    yaml = YAML()
    yaml.width = 120  # longer than a phase
    with atomic(PARAMS_FILE) as file:
        yaml.dump(document, file)


def refuse_to_bury_edits() -> None:
    """Raise UsageError where git does not have params.yaml as it is now."""
    command = ["git", "--no-optional-locks", "status", "--porcelain", "--", str(PARAMS_FILE)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return
    if done.returncode == 0 and done.stdout.strip():
        raise UsageError(f"{PARAMS_FILE}: has uncommitted edits; commit them, or use --force")
