"""Presets: named overlays in presets/ that are merged into params.yaml, whose comments stay.

A preset is an overlay (see pgpipe.presets.overlay). Its first line, a comment, is its title; with
`base: NAME` it continues another preset and names only what differs from that one.

Presets are merged into what params.yaml was before any of them, with the user's own edits since. So
one after another takes its place, and `default`, which changes nothing, goes back.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from pgpipe.config import PARAMS_FILE, load_yaml, lookup, nearest, parse_yaml, yaml_text
from pgpipe.errors import UsageError
from pgpipe.plumbing.files import write_bytes
from pgpipe.plumbing.git import git
from pgpipe.presets import mark as preset_mark
from pgpipe.presets.overlay import apply, combine, directives, merge

FOLDER = Path("presets")
NAMED_EDITS = 4  # that an error repeats, at most


def titles() -> dict[str, str]:
    """Every preset's name and title."""
    return {name: title(FOLDER / f"{name}.yaml") for name in names()}


def names() -> list[str]:
    """Every preset's name.

    Raises:
        UsageError: the current folder has no presets.
    """
    if not FOLDER.is_dir():
        raise UsageError(f"{FOLDER}: not found; run pgpipe from the project's root")
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def title(file: Path) -> str:
    """The first line of a preset, without the comment's sign."""
    return file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def find(name: str) -> Path:
    """The file of a preset."""
    known = names()
    if name not in known:  # also a path, such as ../params
        raise UsageError(f"preset {name!r} is unknown{nearest(name, known)}")
    return FOLDER / f"{name}.yaml"


def lineage(name: str, *after: str) -> list[dict[str, Any]]:
    """The overlays of a preset, those that it continues before it.

    Raises:
        UsageError: it is unknown or no overlay, or continues itself.
    """
    if name in after:
        raise UsageError(f"preset {name!r} continues itself: {', '.join(after)}")
    file = find(name)
    overlay = load_yaml(file, comments=True)
    base = directives(overlay, str(file)).base
    return [*(lineage(base, *after, name) if base else []), overlay]


def merged(names: list[str]) -> Any:
    """params.yaml with these presets alone, as a document that keeps its comments."""
    return applied(names, foundation())


def applied(names: list[str], text: str) -> Any:
    """The document of `text`, with presets merged in order."""
    document = parse_yaml(text, str(PARAMS_FILE), comments=True)
    overlay = combine(overlay for name in names for overlay in lineage(name))
    apply(document, overlay, f"preset {' '.join(names)}")
    return document


class Origin(NamedTuple):
    """What presets made params.yaml of, and what they made of it."""

    base: str
    made: str


def params_text() -> str:
    """The text of params.yaml, which is a mapping.

    Raises:
        UsageError: it is none.
    """
    text = yaml_text(PARAMS_FILE)
    parse_yaml(text, str(PARAMS_FILE), comments=True)
    return text


def origin(text: str) -> Origin | None:
    """Where a params.yaml that presets made comes from; None where none did, or it is not known."""
    mark = preset_mark.read(text)
    base = preset_mark.find(mark.base) if mark else None
    if mark is None or base is None or not {*mark.names} <= {*names()}:
        return None
    return Origin(base, dumped(applied(mark.names, base)))


def foundation() -> str:
    """params.yaml without the presets that made it, but with the user's own edits since."""
    return founded(params_text(), FOLDER.resolve())


@lru_cache(maxsize=1)  # a study merges dozens of presets into the same one
def founded(text: str, _folder: Path) -> str:
    """The foundation of the text of a params.yaml, with the presets of a folder."""
    unmarked = preset_mark.LINE.sub("", text, count=1)
    known = origin(text)
    if known is None or unmarked == known.made:
        return known.base if known else unmarked
    document = parse_yaml(known.base, str(PARAMS_FILE), comments=True)
    made, now = (parse_yaml(t, str(PARAMS_FILE), comments=True) for t in (known.made, unmarked))
    merge(document, changed(made, now))
    return dumped(document)


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The overlay that turns `old` into `new`; null where a key is deleted."""
    overlay: dict[str, Any] = {}
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping) and before != after:
            overlay[key] = changed(before, after)
        elif before != after:
            overlay[key] = after
    return overlay


def put(names: list[str], check: Callable[[Any], object]) -> list[str]:
    """Write params.yaml with these presets alone, once `check` accepts it; those that it had."""
    before, base = preset_mark.read(params_text()), foundation()
    document = applied(names, base)
    check(document)
    text = dumped(document)
    same = parse_yaml(text, str(PARAMS_FILE)) == parse_yaml(base, str(PARAMS_FILE))
    write_bytes(PARAMS_FILE, (base if same else preset_mark.marked(text, names, base)).encode())
    return before.names if before else []


def changes(names: list[str]) -> list[tuple[str, str]]:
    """What presets would change in params.yaml, and what each key means."""
    after = merged(names)
    before = parse_yaml(params_text(), str(PARAMS_FILE), comments=True)
    lines = PARAMS_FILE.read_text(encoding="utf-8").splitlines()
    return [
        (f"{path}: {in_words(old)} -> {in_words(new)}", meaning(before, lines, path))
        for path, old, new in differences(before, after)
    ]


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


def write(document: Any) -> None:
    """Write params.yaml."""
    write_bytes(PARAMS_FILE, dumped(document).encode())


def dumped(document: Any) -> str:
    """The text of a document."""
    yaml = YAML()
    yaml.width = 160  # longer than a phase
    stream = BytesIO()
    yaml.dump(document, stream)
    return stream.getvalue().decode()


def refuse_to_bury_edits(names: list[str]) -> None:
    """Refuse to merge presets where params.yaml has edits of the user's that git does not have.

    What presets made is no edit, where it is known of what they made it.

    Raises:
        UsageError: there are some, which it names, with the commands that go on.
    """
    text = params_text()
    mark = preset_mark.read(text)
    again = f"pgpipe preset --force {' '.join(names)}"
    if mark and not origin(text):
        raise UsageError(
            f"{PARAMS_FILE}: preset {' '.join(mark.names)} made it of a content that is not here; "
            f"`git checkout REVISION {PARAMS_FILE}` of before, or `{again}` merges into what it is"
        )
    status = git("--no-optional-locks", "status", "--porcelain", "--", str(PARAMS_FILE))
    edits = own_edits(text, status is not None)
    if status == b"" or not edits:
        return
    more = f" and {len(edits) - NAMED_EDITS} more" if len(edits) > NAMED_EDITS else ""
    since = f" since pgpipe preset {' '.join(mark.names)}" if mark else ""
    raise UsageError(
        f"{PARAMS_FILE}: has uncommitted edits{since}: {', '.join(edits[:NAMED_EDITS])}{more}; "
        f"keep all of them by `git commit {PARAMS_FILE}`, or those of keys that the presets do not "
        f"set by `{again}`, or none by `git checkout {PARAMS_FILE}`"
    )


def own_edits(text: str, in_git: bool) -> list[str]:
    """What the user changed of a params.yaml that presets made, or that git has, in words."""
    known = origin(text)
    if known is None and not in_git:
        return []
    committed = git("show", f"HEAD:./{PARAMS_FILE}")
    before = known.made if known else (committed or b"").decode()
    if not before:
        return ["the whole file"]
    unmarked = preset_mark.LINE.sub("", text, count=1) if known else text
    if unmarked == before:
        return []
    old, new = (parse_yaml(t, str(PARAMS_FILE)) for t in (before, unmarked))
    found = [
        f"{path} {in_words(was)} -> {in_words(now)}" for path, was, now in differences(old, new)
    ]
    return found or ["comments or layout"]
