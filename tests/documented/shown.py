"""The commands that README, the pages, params.yaml and the help show, as a reader types them."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer
from tinyparams import ROOT

from pgpipe.commands import app as cli

PROGRAM = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:dvc|pgpipe|make|git|pytest|python|srun|torchrun)(?= |$)|source(?= )"
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELL = ("", "sh", "bash", "console")  # the languages of blocks of commands


@cache
def commands() -> dict[str, str]:
    """Each command, without its comment, and where it stands first."""
    found: dict[str, str] = {}
    for place, command in (*of_pages(), *of_params(), *of_help()):
        found.setdefault(command, place)
    return found


def of_pages() -> Iterator[tuple[str, str]]:
    """The lines of blocks, and what stands in backticks and begins with a program."""
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ):
        text, place = page.read_text(), str(page.relative_to(ROOT))
        for language, block in FENCED.findall(text):
            if language in SHELL:
                yield from ((place, command) for command in lines(block))
        yield from ((place, command) for command in spans(FENCED.sub("", text)))


def of_params() -> Iterator[tuple[str, str]]:
    """Commands in comments of params.yaml: a line that begins with a program, or in backticks."""
    text = (ROOT / "params.yaml").read_text()
    comments = [line.partition("# ")[2].strip() for line in text.splitlines()]
    yield from (("params.yaml", comment) for comment in comments if PROGRAM.match(comment))
    yield from (("params.yaml", command) for command in spans(" ".join(comments)))


def of_help() -> Iterator[tuple[str, str]]:
    """Commands in backticks in the help of every command and of its options."""
    for name, command in all_commands("pgpipe", typer.main.get_command(cli.app)):
        options = [getattr(option, "help", None) or "" for option in command.params]
        for text in (command.help or "", command.epilog or "", *options):
            yield from ((f"{name} --help", shown) for shown in spans(text))


def all_commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command and those below it; typer does not say of which click's classes they are."""
    yield name, command
    for below, other in getattr(command, "commands", {}).items():
        yield from all_commands(f"{name} {below}", other)


def lines(block: str) -> Iterator[str]:
    """The commands of a block: continued lines are joined, comments cut off."""
    for line in re.sub(r"\\\n\s*", "", block).splitlines():
        if command := re.sub(r"(^|\s+)#\s.*$", "", line).strip():
            yield command


def spans(text: str) -> Iterator[str]:
    """What stands in backticks and begins with a program."""
    for span in re.findall(r"`([^`]+)`", text):
        command = " ".join(span.split())
        if PROGRAM.match(command):
            yield command


def shown(pattern: str) -> str:
    """The first command that a pattern is the whole of, as it is documented."""
    return next(command for command in commands() if re.fullmatch(pattern, command))
