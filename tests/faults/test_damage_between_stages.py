"""What a stage hands to another is damaged on its way: it is named, and nothing damaged is used."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tinyproject import Project

from faults.warm import Command
from pgpipe.config import load_yaml
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.files import fresh_folder
from pgpipe.hashes import sha256_tree
from pgpipe.sealed import SEAL

HANDED = ("data", "models", "reference", "samples", "reports")
KEPT = (*HANDED, ".pgpipe/state", "params.yaml", "presets")
NOBODY = 65534
CODES = {0, UsageError.exit_code, IntegrityError.exit_code}

Damage = Callable[[Path, random.Random], object]


class Reads(NamedTuple):
    """A stage in words, the files that others hand to it, and what it writes."""

    words: tuple[str, ...]
    inputs: list[Path]
    outputs: list[Path]


# What may happen to a file


def missing(file: Path, _: random.Random) -> None:
    file.unlink()


def empty(file: Path, _: random.Random) -> None:
    file.write_bytes(b"")


def half(file: Path, _: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def first_byte(file: Path, _: random.Random) -> None:
    file.write_bytes(file.read_bytes()[:1])


def flipped(file: Path, draw: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    file.write_bytes(data)


def flipped_in_the_middle(file: Path, _: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def text(file: Path, _: random.Random) -> None:
    file.write_text("no such thing\n")


def another(file: Path, draw: random.Random) -> None:
    """Another file of its kind, or of any kind where there is none."""
    others = [p for name in HANDED for p in Path(file.parts[0]).joinpath(*file.parts[1:]).parents]
    root = next(p for p in others if (p / "params.yaml").exists())
    there = sorted(p for name in HANDED for p in (root / name).rglob("*") if p.is_file())
    content = file.read_bytes()
    kind = [p for p in there if p.suffix == file.suffix and p.read_bytes() != content]
    file.write_bytes(draw.choice(kind or there).read_bytes())


def folder(file: Path, _: random.Random) -> None:
    file.unlink()
    (file / "in").mkdir(parents=True)


def dangling(file: Path, _: random.Random) -> None:
    file.unlink()
    file.symlink_to("nowhere/at/all")


def pipe(file: Path, _: random.Random) -> None:
    file.unlink()
    os.mkfifo(file)


def unreadable(file: Path, _: random.Random) -> None:
    file.chmod(0)


DAMAGES: tuple[Damage, ...] = (
    missing, empty, half, first_byte, flipped, flipped_in_the_middle, text, another, folder,
    dangling, pipe, unreadable,
)  # fmt: skip


def as_nobody() -> None:
    """Whom no file belongs to: root may read all of them."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


# Who reads what


def stages(root: Path) -> Iterator[Reads]:
    """Every stage that reads files of others, from dvc.yaml; with the files their seals."""
    final = load_yaml(root / "params.yaml")["growth"]["final"]
    phases = load_yaml(root / "params.yaml")["growth"]["phases"]
    for name, entry in load_yaml(root / "dvc.yaml")["stages"].items():
        for key in phases if "foreach" in entry else [""]:
            known = {"growth.final": final, "key": key}
            known |= {f"item.{k}": str(v) for k, v in phases.get(key, {}).items()}
            one = entry.get("do", entry)
            inputs = [found for dep in one["deps"] for found in below(root, filled(dep, known))]
            outs = [*one.get("outs", []), *one.get("metrics", [])]
            outputs = [
                Path(filled(o if isinstance(o, str) else next(iter(o)), known)) for o in outs
            ]
            yield Reads((name, key) if key else (name,), sorted({*inputs}), outputs)


def filled(path: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        path = path.replace(f"${{{name}}}", value)
    return path


def below(root: Path, dep: str) -> Iterator[Path]:
    """The files that a dependency means, and the seals that speak of them."""
    if dep.startswith(HANDED) and dep not in ("data/checked", "data/found.json", "data/gate.json"):
        path = root / dep
        yield from (p.relative_to(root) for p in path.rglob("*") if p.is_file())
        yield from [Path(dep)] if path.is_file() else []
        seals = [p / SEAL for p in list(Path(dep).parents)[:2]]
        yield from (seal for seal in seals if (root / seal).is_file())


def trial(root: Path, work: Path, stage: Reads, file: Path, damage: Damage, draw: Any) -> str:
    """Run a stage with a damaged file in a copy of a project; what is wrong with how it ends."""
    fresh_folder(work)
    for name in KEPT:
        (shutil.copytree if (root / name).is_dir() else shutil.copy)(root / name, work / name)
    (work / ".dvc").mkdir()
    damage(work / file, draw)
    change = open_to_all(work) if damage is unreadable else None
    command = Command(work, *stage.words, **({"change": change} if change else {}))
    code, said = command.end(), [line for line in command.output.splitlines() if line]
    last = said[-1] if said else ""
    if code == 0:
        same = [sha256_tree(work / out) == sha256_tree(root / out) for out in stage.outputs]
        return "" if all(same) else "0, with another result"
    if code not in CODES or "Traceback" in command.output or "bug" in last:
        return f"{code}: {last}"
    if not last.startswith("pgpipe: error: ") or file.name not in last:
        return f"{code}, and not named: {last}"
    return ""


def open_to_all(work: Path) -> Callable[[], None]:
    """Let nobody write to what is not damaged."""
    for path in [work, *work.rglob("*")]:
        if not path.is_symlink() and path.stat().st_mode & 0o400:
            path.chmod(0o777 if path.is_dir() else 0o666)
    return as_nobody


def cases(root: Path) -> list[tuple[Reads, Path, Damage]]:
    return [(s, file, d) for s in stages(root) for file in s.inputs for d in DAMAGES]


def prepared(finished: Project) -> Path:
    """The finished project without its tracker, which waits for its store at the end."""
    root = finished.untouched.folder
    params = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(params.replace("enabled: true", "enabled: false"))
    return root
