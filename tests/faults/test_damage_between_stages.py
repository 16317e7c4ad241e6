"""What a stage hands to another is damaged on its way: it is named, and nothing damaged is used."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tinyproject import Project

from faults.refusals import without_privileges
from faults.trials import Trials
from faults.warm import Command, nothing
from pgpipe.config import load_yaml
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.plumbing.files import fresh_folder
from pgpipe.plumbing.hashes import sha256_tree
from pgpipe.plumbing.sealed import SEAL

HANDED = ("data", "models", "reference", "samples", "reports")
KEPT = (*HANDED, ".pgpipe/state", "params.yaml", "presets")
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
    root = next(p for p in file.parents if (p / "params.yaml").exists())
    others = [p for name in HANDED for p in sorted((root / name).rglob("*")) if p.is_file()]
    differing = [p for p in others if p.read_bytes() != file.read_bytes()]
    kind = [p for p in differing if p.suffix == file.suffix]
    file.write_bytes(draw.choice(kind or differing).read_bytes())


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


def trial(
    root: Path, work: Path, stage: Reads, file: Path, damage: Damage, draw: random.Random
) -> str:
    """Run a stage with a damaged file in a copy of a project; what is wrong with how it ends."""
    fresh_folder(work)
    for name in KEPT:
        (shutil.copytree if (root / name).is_dir() else shutil.copy)(root / name, work / name)
    (work / ".dvc").mkdir()
    damage(work / file, draw)
    change = without_privileges if damage is unreadable else nothing
    command = Command(work, *stage.words, change=change)
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


def cases(root: Path) -> list[tuple[Reads, Path, Damage]]:
    return [(s, file, d) for s in stages(root) for file in s.inputs for d in DAMAGES]


@pytest.fixture(scope="module")
def root(finished: Project, tmp_path_factory: pytest.TempPathFactory, warm: None) -> Path:
    """The finished project without its tracker, which waits for its store at the end."""
    copy = finished.copy(tmp_path_factory.mktemp("handed") / "project").folder
    shutil.copytree(finished.folder / ".pgpipe/state", copy / ".pgpipe/state")
    params = (copy / "params.yaml").read_text()
    (copy / "params.yaml").write_text(params.replace("enabled: true", "enabled: false"))
    report = Command(copy, "report")  # which shows the parameters
    assert report.end() == 0, report.output
    return copy


def test_every_stage_reads_what_others_write(root: Path) -> None:
    """The trials mean nothing where a file is not among them."""
    read = {file for stage in stages(root) for file in stage.inputs}
    kinds = {name for file in read for name in (file.suffix, file.name)}
    assert {".json", ".npy", ".csv", ".png", ".safetensors", ".zip", SEAL} <= kinds
    assert {Path("samples/images.npy"), Path("reference/floor.json")} <= read
    assert {Path("models/r8/state.safetensors"), Path("models/layers/r16.safetensors")} <= read


def test_damage_is_named_and_never_used(root: Path, tmp_path: Path, trials: Trials) -> None:
    found = cases(root)
    number = trials.number(smoke=10, everything=400)
    wrong = []
    for stage, file, damage in trials.random.sample(found, number):
        if told := trial(root, tmp_path / "work", stage, file, damage, trials.random):
            wrong.append(f"{' '.join(stage.words)}: {file}: {damage.__name__}: {told}")
    assert not wrong
    trials.reached(f"{number} of {len(found)} damages to what stages hand on: named, or not read")


PREDECESSORS = pytest.mark.parametrize(
    ("words", "without", "maker"),
    [
        (("prepare",), "data/raw", "download"),
        (("init",), "data/multires", "prepare"),
        (("train", "r4"), "models/init", "init"),
        (("train", "r8"), "models/r4", "train@r4"),
        (("train", "r8"), "data/machine", "machine"),
        (("sample",), "models/r16", "train@r16"),
        (("score",), "samples", "sample"),
        (("score",), "reference", "reference"),
        (("report",), "reports/metrics.json", "score"),
        (("report",), "samples", "sample"),
    ],
)


def lacking(root: Path, work: Path, without: str) -> Path:
    """Copy a project without one thing, and return where that was."""
    fresh_folder(work)
    for name in KEPT:
        (shutil.copytree if (root / name).is_dir() else shutil.copy)(root / name, work / name)
    path = work / without
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    (work / "reports" / SEAL).unlink()
    return path


@PREDECESSORS
def test_a_file_instead_of_a_folder_is_named(
    root: Path, tmp_path: Path, words: tuple[str, ...], without: str, maker: str
) -> None:
    work = tmp_path / "work"
    lacking(root, work, without).write_text("no folder")
    command = Command(work, *words)
    assert command.end() in (UsageError.exit_code, IntegrityError.exit_code), command.output
    (line,) = command.output.splitlines()
    assert line.startswith("pgpipe: error: ")
    assert without in line


@PREDECESSORS
def test_a_stage_before_its_predecessor_names_it(
    root: Path, tmp_path: Path, words: tuple[str, ...], without: str, maker: str
) -> None:
    work = tmp_path / "work"
    lacking(root, work, without)
    command = Command(work, *words)
    assert command.end() == UsageError.exit_code, command.output
    (line,) = command.output.splitlines()
    assert line.startswith(f"pgpipe: error: {without}")
    assert line.endswith(f"run `dvc repro {maker}`")
