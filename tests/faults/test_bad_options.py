"""Any option of any command, given wrongly: exit code 2 and one line that names it.

The commands and their options are those that the command line itself says it has.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tinyparams import ROOT
from tinyproject import Run

from pgpipe.commands import app as cli

Case = tuple[list[str], str]  # arguments, and what the line has to name


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[list[str], Any]]:
    """Every command with the words that lead to it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield [*path, name], command


def numbers(option: Any) -> list[str]:
    """What no integer within an option's bounds is."""
    wrong = ["x", "", "1.5", "1e3", "0x10", "nan", "9" * 5000 + "x"]
    wrong += [] if option.min is None else [str(option.min - 1), "-99999999999999999999"]
    return wrong + ([] if option.max is None else [str(option.max + 1)])


def of_option(words: list[str], option: Any) -> Iterator[Case]:
    """An option without its value, or with a value that it cannot have."""
    name = option.opts[0]
    if option.is_flag:
        yield [*words, f"{name}=x"], name
    else:
        yield [*words, name], name
        if option.type_descriptor.annotation is int:
            yield from (([*words, name, value], name) for value in numbers(option))


def cases() -> Iterator[Case]:
    for words, command in commands(typer.main.get_command(cli.app)):
        yield [*words, "--nonsense"], "--nonsense"
        yield [*words, "--nonsense=1"], "--nonsense"
        yield [*words, "-Z"], "-Z"
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        if not arguments:
            yield [*words, "nonsense"], "nonsense"
        for number, argument in enumerate(arguments):
            if argument.required:
                yield [*words, *["x"] * number], argument.name
        for option in command.params:
            if option.param_type_name == "option" and option.name != "help":
                yield from of_option(words, option)


CASES = list(cases())
NOWHERE = "/no/such/place"
PLACES: list[Case] = [
    (["score", "--real", NOWHERE, "--fake", NOWHERE], NOWHERE),
    (["score", "--real", NOWHERE], "--fake"),
    (["score", "--seed", "1"], "--real"),
    (["gate", "--cifar10", NOWHERE], NOWHERE),
    (["weights", "--from", NOWHERE], NOWHERE),
    (["weights", "--from", NOWHERE, "--url", "http://localhost"], "--from"),
    (["data", "show", NOWHERE], NOWHERE),
    (["data", "extract", NOWHERE, "--to", "x"], NOWHERE),
    (["data", "compare", NOWHERE, NOWHERE], NOWHERE),
    (["train", "../../etc"], "growth.phases"),
    (["train", ""], "growth.phases"),
    (["preset", "../params"], "../params"),
    (["preset", "show"], "show"),
    (["ablation", "queue", "--rows", "z"], "z"),
    (["ablation", "status", "--study", "nonsense"], "nonsense"),
    (["study", "status", "nonsense"], "nonsense"),
    (["nonsense"], "nonsense"),
    (["--nonsense"], "--nonsense"),
    (["ablation", "nonsense"], "nonsense"),
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Run) -> Run:
    """Run a command in a folder with parameters and presets."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    shutil.copy(ROOT / "tests/params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    return command


def test_every_command_is_tried() -> None:
    assert len(CASES) > 100
    assert {words[0] for words, _ in CASES} >= {"check", "train", "score", "ablation", "ui"}


@pytest.mark.parametrize(("arguments", "named"), [*CASES, *PLACES], ids=lambda x: str(x)[:60])
def test_wrong_option_is_one_line_and_code_2(run: Run, arguments: list[str], named: str) -> None:
    before = sorted(Path().rglob("*"))
    code, stdout, stderr = run(*arguments)
    assert (code, stdout) == (2, ""), stderr
    (line,) = stderr.splitlines()
    assert line.startswith("pgpipe: error: ")
    assert named.lower() in line.lower()
    assert len(line) < 6000
    assert sorted(Path().rglob("*")) == before
