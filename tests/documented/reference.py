"""The pages of docs/reference that are made from the sources: commands, exit codes.

`PYTHONPATH=tests python -m documented.reference` writes them anew.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import typer
from tinyparams import ROOT

from documented.shown import all_commands
from pgpipe import errors
from pgpipe.commands import app as cli
from pgpipe.errors import PgpipeError

FOLDER = ROOT / "docs/reference"
MADE = "<!-- Made by `tests/documented/reference.py`: edit the sources instead. -->\n"
DONE = {0: "Done.", errors.BUG: "A bug: the traceback is in `.pgpipe/crash.log`."}


def commands() -> str:
    """Return the page of all commands: what each does, its arguments and options."""
    found = [
        "# Commands\n",
        "`dvc repro` runs the stages in order; each is also a command. Every command ends with an "
        "[exit code](exit-codes.md), and says what went wrong in one line.\n",
    ]
    tree = dict(all_commands("pgpipe", typer.main.get_command(cli.app)))
    hidden = [f"{name} " for name, command in tree.items() if command.hidden]
    single = [
        name
        for name, command in tree.items()
        if not hasattr(command, "commands") and not f"{name} ".startswith((*hidden,))
    ]
    for panel, names in groupby(single, key=lambda name: panel_of(name, tree)):
        text = getattr(tree.get(panel), "help", None)
        found += [f"## {panel}\n", *([f"{text}\n"] if text else [])]
        found += [of_command(name, tree[name]) for name in names]
    return MADE + "\n".join(found)


def panel_of(name: str, tree: dict[str, Any]) -> str:
    """Return the group that a command is in, or the panel of the help that it stands in."""
    above = name.rpartition(" ")[0]
    return above if above != "pgpipe" else str(tree[name].rich_help_panel)


def of_command(name: str, command: Any) -> str:
    """Return the section of one command."""
    rows = [*parameters(command)]
    table = [
        "| option | meaning |",
        "|---|---|",
        *(f"| {left} | {right} |" for left, right in rows),
        "",
    ]
    arguments = [placeholder(p) for p in command.params if is_argument(p)]
    options = ["[OPTIONS]"] if len(rows) > len(arguments) else []
    usage = f"```text\n{' '.join([name, *options, *arguments])}"
    text = re.sub(r"\s*\n\s*\n\s*", "\n\n", command.help or "").strip()
    return "\n".join([f"### {name}\n", f"{text}\n", f"{usage}\n```\n", *(table if rows else [])])


def placeholder(argument: Any) -> str:
    """Return how a usage line shows an argument."""
    text = f"{argument.name.upper()}{'...' if argument.nargs == -1 else ''}"
    return text if argument.required else f"[{text}]"


def is_argument(parameter: Any) -> bool:
    """Return whether it is no option."""
    return bool(parameter.param_type_name == "argument")


def parameters(command: Any) -> Iterator[tuple[str, str]]:
    """Yield arguments and options, and what is said of them."""
    for parameter in command.params:
        name = parameter.name.upper() if is_argument(parameter) else "`, `".join(parameter.opts[:1])
        if name != "--help":
            text = " ".join((getattr(parameter, "help", "") or "").split())
            default = parameter.default
            shown = default is not None and default is not False and not callable(default)
            shown = shown and str(default) not in ("", "Sentinel.UNSET", "()", "[]")
            yield (
                f"`{name}`",
                f"{text}{f' Default: {default}.' if shown else ''}".replace("|", r"\|"),
            )


def exit_codes() -> str:
    """Return the page of exit codes, from the errors that have them."""
    kinds = {kind.exit_code: kind.__doc__ or "" for kind in PgpipeError.__subclasses__()}
    rows = [f"| {code} | {text} |" for code, text in sorted((DONE | kinds).items())]
    return MADE + "\n".join(
        [
            "# Exit codes\n",
            "Whatever goes wrong is one line on standard error, `pgpipe: error: ...`, which says "
            "what was found, what was expected, in which file or key, and what to do. Programs "
            "read the exit code:\n",
            "| code | meaning |",
            "|---|---|",
            *rows,
            "",
            "`pgpipe data compare`, `pgpipe queue` and `pgpipe study run` also end with 1: the "
            "sets differ, or an experiment has failed. `dvc repro` ends with DVC's own codes, and "
            "prints the line.\n",
        ]
    )


PAGES = {"commands": commands, "exit-codes": exit_codes}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page())


if __name__ == "__main__":
    main()
