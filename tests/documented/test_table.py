"""Every documented command has a row in `tried.py`, and every row a command and a test."""

import ast
import re
from pathlib import Path

import pytest
from tinyparams import ROOT

from documented import tried
from documented.shown import commands, of_help, of_params

HERE = Path(__file__).with_name("test_commands.py")


def test_every_command_is_tried_or_stands_on_the_short_list() -> None:
    known = [*tried.TRIED, *tried.NOT_TRIED]
    unknown = {c: p for c, p in commands().items() if not any(re.fullmatch(k, c) for k in known)}
    assert not unknown, "neither tried nor excused in tests/documented/tried.py"
    stale = [k for k in known if not any(re.fullmatch(k, command) for command in commands())]
    assert not stale, "rows of tests/documented/tried.py that nobody documents"
    assert len(tried.NOT_TRIED) < 12


@pytest.mark.parametrize("test", sorted(set(tried.TRIED.values())))
def test_the_test_that_tries_it_is_there(test: str) -> None:
    file, name = test.split("::")
    path = HERE if file == "here" else ROOT / file
    names = {n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)}
    assert name in names


def test_commands_are_found_where_they_are_shown() -> None:
    found = commands()
    assert found["pgpipe data check /path/to/images --page check.html"] == "README.md"
    assert found["dvc exp run --queue -S ..."] == "docs/how-to/experiments.md"
    assert {"pgpipe verify", "dvc exp show", "dvc exp run --queue -S ..."} <= found.keys()
    assert ("params.yaml", "pgpipe preset list") in of_params()
    assert ("pgpipe --help", "dvc repro") in of_help()
    assert not any("#" in command or "\n" in command for command in found)
