"""Presets: named overlays in presets/ that are merged into params.yaml, whose comments stay.

An overlay names only what it changes; a null deletes. Its first line, a comment, is its title.
"""

import subprocess
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pgpipe.config import PARAMS_FILE, leaves, load_yaml, nearest
from pgpipe.errors import UsageError
from pgpipe.files import atomic

FOLDER = Path("presets")
MISSING = "(none)"


def titles() -> dict[str, str]:
    """Every preset's name and title."""
    return {file.stem: title(file) for file in sorted(FOLDER.glob("*.yaml"))}


def title(file: Path) -> str:
    """The first line of a preset, without the comment's sign."""
    return file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def find(name: str) -> Path:
    """The file of a preset."""
    file = FOLDER / f"{name}.yaml"
    if not file.is_file():
        raise UsageError(f"preset {name!r} is unknown{nearest(name, list(titles()))}")
    return file


def changes(name: str) -> list[str]:
    """What a preset would change in params.yaml, a line each."""
    before = load_yaml(PARAMS_FILE)
    after = merge(load_yaml(PARAMS_FILE), load_yaml(find(name)))
    old, new = dict(leaves(before)), dict(leaves(after))
    changed = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    lines = [f"  {p}: {old.get(p, MISSING)} -> {new.get(p, MISSING)}" for p in changed]
    return [title(find(name)), *(lines or ["  changes nothing"])]


def merge(document: MutableMapping[str, Any], overlay: Mapping[str, Any]) -> Any:
    """Change `document` by `overlay`, key by key, and return it."""
    for key, value in overlay.items():
        if value is None:
            document.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(document.get(key), MutableMapping):
            merge(document[key], value)
        else:
            document[key] = value
    return document


def merged(names: list[str]) -> Any:
    """params.yaml with presets merged in order, as a document that keeps its comments."""
    files = [PARAMS_FILE, *map(find, names)]
    for file in files:
        load_yaml(file)  # raises the user's errors
    document, *overlays = map(YAML().load, files)
    for overlay in overlays:
        merge(document, overlay)
    return document


def write(document: Any) -> None:
    """Write params.yaml."""
    yaml = YAML()
    yaml.width = 100
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
