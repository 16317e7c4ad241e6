"""The command line: one command a stage, and what goes around them.

Nothing heavy is imported before a command needs it. Whatever goes wrong ends in one line on stderr
and the exit code of `pgpipe.errors`.
"""

import errno
import os
import re
import shutil
import sqlite3
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from pgpipe import errors
from pgpipe.commands import check as cli_check
from pgpipe.commands import data as cli_data
from pgpipe.commands import drawing as cli_drawing
from pgpipe.commands import export as cli_export
from pgpipe.commands import neighbours as cli_neighbours
from pgpipe.commands import nets as cli_nets
from pgpipe.commands import runs as cli_runs
from pgpipe.commands import scoring as cli_scoring
from pgpipe.commands import stage
from pgpipe.commands import study as cli_study
from pgpipe.commands import upkeep as cli_upkeep
from pgpipe.commands import weights as cli_weights
from pgpipe.errors import (
    PgpipeError,
    ResourceError,
    UsageError,
    printable,
    without_credentials,
)
from pgpipe.plumbing import libraries, terminal
from pgpipe.plumbing.processes import lastwords, signals
from pgpipe.plumbing.project import find_stages, project_root, require_git, require_home
from pgpipe.plumbing.terminal import counted, note, say, say_table, tell_for_libraries
from pgpipe.plumbing.unwritable import refusal, refusal_of_database

NO_MEMORY = re.compile(
    r"^(MemoryError|OutOfMemoryError)|^RuntimeError: .*"
    r"(DefaultCPUAllocator|can't allocate memory|can't start new thread)"
)
TEMPORARY = re.compile(r"\.([^/]*)\.pgpipe\.tmp$")  # of a file that is being written
ROOM_BYTES = 1 << 24  # free on a disk that is not full
TYPER_INTERRUPTED = 130  # the code that typer makes of a Ctrl-C

app = typer.Typer(
    name="pgpipe",
    help="Progressive GAN as an experiment-tracked pipeline. `dvc repro` runs the stages in order.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=cli_study.HELP,
)


def train(
    phase: Annotated[
        str | None,
        typer.Argument(help="A key of growth.phases, such as r8. DVC names it for train@r8."),
    ] = None,
) -> None:
    """Train one phase of the growth; the same command again resumes."""
    key = phase or os.environ.get("DVC_STAGE", "").rpartition("@")[2]
    if not key:
        raise UsageError("train: no phase is named; give a key of growth.phases, such as r8")
    stage.run("train", key)


STAGES: dict[str, str | Callable[..., None]] = {
    "check": cli_check.check,
    "find": "Write down which of your files the data set is made of.",
    "machine": "Settle what precision `auto` means on this machine.",
    "download": "Fetch the raw images.",
    "prepare": "Make square images of every resolution.",
    "gate": cli_scoring.gate,
    "reference": "Score real images against real images, and train the classifier.",
    "init": "Draw the initial weights of every layer.",
    "train": train,
    "sample": "Draw images from the final generator.",
    "score": cli_scoring.score,
    "report": "Make figures and the page reports/index.html.",
}  # in the order in which they run; what takes no option by its text alone


def add_stage(name: str, of: str | Callable[..., None]) -> None:
    """Add the command of a stage, which is imported when it runs."""

    def command() -> None:
        stage.run(name)

    text, function = (of, command) if isinstance(of, str) else (None, of)
    app.command(name, help=text, rich_help_panel="Stages")(function)


for name, of in STAGES.items():
    add_stage(name, of)


@app.command(rich_help_panel="Experiments")
def preset(
    names: Annotated[
        list[str],
        typer.Argument(help="Names of presets to merge; or `list`; or `show` and names."),
    ],
    force: Annotated[
        bool,
        typer.Option(
            help="Merge even if params.yaml has uncommitted edits; they stay where no preset sets."
        ),
    ] = False,
) -> None:
    """Merge named settings into params.yaml, list them, or show what they change."""
    from pgpipe.presets import files as presets

    match names:
        case ["list"]:
            say_table(presets.titles().items())
        case ["show", _, *_]:
            changes = presets.changes(names[1:])
            say(*(presets.titles()[name] for name in names[1:]))
            say_table(changes or [("changes nothing", "")])
        case _:
            from stages.check import check

            for name in names:
                presets.find(name)
            if not force:
                presets.refuse_to_bury_edits(names)
            before = presets.put(names, lambda found: check(found, f"preset {' '.join(names)}"))
            instead = f" instead of {', '.join(before)}" if before and before != names else ""
            say(f"params.yaml now has {', '.join(names)}{instead}; run it with: dvc repro")


@app.command(rich_help_panel="Experiments")
def ui(
    port: Annotated[
        int, typer.Option(help="TCP port on 127.0.0.1 to serve at.", min=1, max=65535)
    ] = 5000,
) -> None:
    """Serve MLflow's pages of all experiments, to this machine only."""
    from pgpipe.tracking.ui import serve
    from stages.tracked import section

    serve(port, section().experiment)


@app.command(rich_help_panel="Experiments")
def sync() -> None:
    """Send to the MLflow store what it has missed."""
    from pgpipe.tracking.sync import sync as sync_all
    from stages.tracked import section

    done = sync_all(section().experiment)
    deleted = f"; {done.deleted} deleted in the store, which stay so" if done.deleted else ""
    sent = f"{counted(done.points, 'point')}, {counted(done.artifacts, 'file')}"
    say(f"{counted(done.runs, 'run')}; sent {sent}{deleted}")


@app.command(rich_help_panel="Trained generators")
def register(
    name: Annotated[str, typer.Argument(help="Of the model.")],
    run: Annotated[
        str | None,
        typer.Argument(
            help="A run's id, runs:/RUN address or name; that of this folder if not given."
        ),
    ] = None,
) -> None:
    """Put a run's generator into MLflow's model registry."""
    from pgpipe.tracking.registry import register as put
    from stages.tracked import key, section

    done = put(name, section().experiment, run or "", "" if run else key())
    new = "" if done.new else "already "
    say(
        f"{name} version {done.version} is {new}the generator of run {done.run_name} "
        f"({done.run_id}): models:/{name}/{done.version}"
    )


for drawing in (
    *(cli_drawing.generate, cli_drawing.walk, cli_drawing.project, cli_drawing.directions),
    cli_drawing.explore,
    *(cli_drawing.growth, cli_neighbours.neighbours, cli_export.export),
):
    app.command(rich_help_panel="Trained generators")(drawing)
app.command("import", rich_help_panel="Trained generators")(cli_drawing.import_)
app.command(rich_help_panel="Experiments")(cli_runs.runs)
app.command("queue", rich_help_panel="Experiments")(cli_study.whole_queue)
app.command(rich_help_panel="Experiments")(cli_weights.weights)
app.command(rich_help_panel="Upkeep")(cli_upkeep.verify)
app.command(rich_help_panel="Upkeep")(cli_upkeep.repair)
app.command(rich_help_panel="Upkeep")(cli_upkeep.gc)
app.add_typer(cli_study.app, rich_help_panel="Experiments")
app.add_typer(cli_study.app, name="ablation", hidden=True)  # its older name
app.add_typer(cli_data.app, rich_help_panel="Experiments")
app.add_typer(cli_nets.app, rich_help_panel="Experiments")


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Progressive GAN as an experiment-tracked pipeline."""
    if version:
        from pgpipe import __version__

        say(f"pgpipe {__version__}")
        raise typer.Exit
    require_home()
    if context.invoked_subcommand in STAGES:
        require_git()


def main(app: typer.Typer = app) -> None:
    """Run a command of the command line, or of another app; end with its exit code."""
    libraries.tune()
    terminal.open_closed()
    tell_for_libraries()
    try:
        signals.interrupt_on_signals()
        find_stages()
        code = app(standalone_mode=False)
        if code == TYPER_INTERRUPTED:
            raise KeyboardInterrupt
        signals.let_signals_kill()  # nothing is left to be done: no traceback on the way out
        terminal.flush()  # a full disk is known of here
    except BaseException as error:
        signals.let_signals_kill()
        code, message = outcome(error)
        with suppress(OSError):  # of the same disk
            end_with(code, message)
        if isinstance(error, OSError):  # standard output may be what cannot be written
            terminal.stop()
    sys.exit(code if isinstance(code, int) else 0)


def end_with(code: int, message: str) -> None:
    """Print the one line, or leave it to the launcher of several processes."""
    if message and not lastwords.leave(code, message):
        note(f"pgpipe: error: {message}")


def outcome(error: BaseException) -> tuple[int, str]:
    """Exit code and message of whatever ended a command."""
    error = origin(error)
    match error:
        case PgpipeError():
            return error.exit_code, printable(str(error))
        case typer.Abort() | KeyboardInterrupt():
            return errors.INTERRUPTED, "interrupted"
        case ModuleNotFoundError(name=str(name)) if name.partition(".")[0] == "stages":
            told = "this command needs a project: run it in a checkout of pgpipe"
            return UsageError.exit_code, told
        case SystemExit():
            return error.code if isinstance(error.code, int) else int(error.code is not None), ""
        case _ if NO_MEMORY.search(f"{type(error).__name__}: {error}"):
            return errors.ResourceError.exit_code, "out of memory"
        case _ if hasattr(error, "format_message"):  # of click, or of the one inside typer
            return UsageError.exit_code, printable(error.format_message())
        case _:
            return errors.BUG, report_bug(error)


def origin(error: BaseException) -> BaseException:
    """Return what an error stands for: a refusal of the system, whatever a library made of it.

    typer makes an `Abort` of the end of any file, and an exit with 1 of output that nobody reads.
    """
    if isinstance(error, typer.Abort) and isinstance(error.__cause__, EOFError):
        return error.__cause__
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
        return UsageError("standard output: nobody reads it any more")
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, PgpipeError):
        if isinstance(cause, sqlite3.Error):
            return refusal_of_database(cause)
        if isinstance(cause, OSError):
            if cause.errno == errno.ENOSPC and not cause.filename and has_room(place()):
                return ResourceError("standard output: no room for it; free some and run again")
            name = TEMPORARY.sub(r"\1", os.fsdecode(cause.filename or place()))
            if (told := refusal(cause, Path(name))) is not None:
                return told
        cause = cause.__cause__
    return error


def has_room(folder: Path) -> bool:
    """Return whether the disk of a folder is not what is full."""
    return shutil.disk_usage(folder).free > ROOM_BYTES


def place() -> Path:
    """Return the project's root, or the current folder where there is none that can be used."""
    try:
        return project_root()
    except PgpipeError:
        return Path()


def report_bug(error: BaseException) -> str:
    """Write the traceback to a file; one line that names it."""
    log = place() / ".pgpipe" / "crash.log"
    first_line = printable((str(error).splitlines() or [""])[0])
    try:
        log.parent.mkdir(exist_ok=True)
        text = without_credentials("".join(traceback.format_exception(error)))
        log.write_text(text, errors="backslashreplace")
    except OSError:
        return f"bug: {type(error).__name__}: {first_line}"
    return f"bug: {type(error).__name__}: {first_line}; traceback in {log}"
