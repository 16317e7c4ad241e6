"""Commands, exit codes, and one line on stderr for whatever goes wrong."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from tinyproject import Run

import stages.check
from pgpipe import __version__, errors
from pgpipe.commands import app as cli
from pgpipe.commands import data
from pgpipe.config import load_yaml, parse_yaml
from pgpipe.plumbing import project as place
from stages import paths

ROOT = Path(__file__).parents[2]
STAGES = (
    "check",
    "find",
    "machine",
    "download",
    "prepare",
    "gate",
    "reference",
    "init",
    "train",
    "sample",
    "score",
    "report",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the default parameters and a preset as the current one."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "presets").mkdir()
    shutil.copy(ROOT / "tests/params.yaml", tmp_path)
    shutil.copy(ROOT / "presets/quick.yaml", tmp_path / "presets")
    return tmp_path


@pytest.fixture
def run(project: Path, command: Run) -> Run:
    """Run a command in the project."""
    return command


def message_of(stderr: str) -> str:
    """What follows `pgpipe: error: ` on the only line."""
    (line,) = stderr.splitlines()
    assert line.startswith("pgpipe: error: ")
    return line.removeprefix("pgpipe: error: ")


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


# In processes of their own

PROBE = """
import sys
from collections.abc import Callable
from pgpipe.commands.app import main
try:
    main()
finally:
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""
HEAVY = {"torch", "numpy", "mlflow", "pandas", "matplotlib", "dvc", "PIL"}


def process(*command: str, at: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=at,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_stage_and_imports_nothing_heavy(tmp_path: Path) -> None:
    done = process("-c", PROBE, "--help", at=tmp_path)
    assert done.returncode == 0
    listed = [line.split()[1] for line in done.stdout.splitlines() if len(line.split()) > 2]
    assert [name for name in listed if name in STAGES] == list(STAGES), "in the order of a run"
    assert {"preset", "queue", "ui", "sync"} <= {*listed}
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.parametrize(
    ("command", "name"), [("check", "photos"), ("find", "photos"), ("find", "folder")]
)
def test_what_always_runs_imports_nothing_heavy(name: str, command: str, project: Path) -> None:
    params = project / "params.yaml"
    text = params.read_text().replace("name: photos", f"name: {name}")
    params.write_text(text.replace("path: data/own", "path: presets"))
    done = process("-c", PROBE, command, at=project)
    assert done.returncode == 0, done.stderr
    assert bool(done.stdout) == (command == "check"), "which says what it has understood"
    assert not HEAVY & set(done.stderr.split())


def test_module_ends_with_the_commands_exit_code(project: Path) -> None:
    done = process("-m", "pgpipe", "chek", at=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert "chek" in message_of(done.stderr)


# What a user may ask


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"pgpipe {__version__}\n", "")


def test_nothing_is_answered_with_help(run: Run) -> None:
    code, stdout, stderr = run()
    assert code in (0, 2)
    assert "Usage" in stdout + stderr
    assert "bug" not in stderr


def test_valid_parameters_are_said_in_one_line(run: Run) -> None:
    meaning = "photos, pggan, 4 phases to 32x32 pixels, 52 kimg (thousands of real images shown)"
    assert run("check") == (0, f"params.yaml: {meaning}\n", "")


@pytest.mark.parametrize("arguments", [["check"], ["download"], ["train", "r4"], ["score"]])
def test_what_dvc_runs_needs_git_before_anything_is_computed(
    run: Run, project: Path, arguments: list[str]
) -> None:
    (project / ".dvc" / "config").touch()
    code, _, stderr = run(*arguments)
    assert code == 2
    assert "run: git init && git add -A && git commit -m sources" in message_of(stderr)
    assert not (project / "data").exists()


def test_without_a_home_that_dvc_and_mlflow_look_into_it_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven commands were "bug: RuntimeError"."""

    def unknown(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    for words in (("check",), ("gc",), ("queue",), ("sync",)):
        code, _, stderr = run(*words)
        assert code == 2
        assert message_of(stderr).startswith("HOME: not set")


def test_presets_are_listed_and_shown(run: Run) -> None:
    code, stdout, _ = run("preset", "list")
    assert (code, stdout.split()[0]) == (0, "quick")
    code, stdout, _ = run("preset", "show", "quick")
    assert code == 0
    assert "growth.final: r32 -> r16" in stdout


def test_preset_is_merged(run: Run, project: Path) -> None:
    code, stdout, stderr = run("preset", "quick")
    assert (code, stderr) == (0, "")
    assert "dvc repro" in stdout
    assert "final: r16" in (project / "params.yaml").read_text()


def test_a_preset_goes_back_whatever_stands_above_its_mark(run: Run, project: Path) -> None:
    shutil.copy(ROOT / "presets/default.yaml", project / "presets")
    before = Path("params.yaml").read_text()
    run("preset", "quick")
    made = Path("params.yaml").read_text()
    for above in ("# my notes\n", "---\n", "\ufeff"):
        Path("params.yaml").write_text(above + made)
        assert run("preset", "default", "--force")[0] == 0
        assert load_yaml(Path("params.yaml")) == parse_yaml(before, "params.yaml")
        assert "made this of" not in Path("params.yaml").read_text()


def test_presets_are_those_of_the_project_s_root(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "below").mkdir()
    monkeypatch.chdir(project / "below")
    code, stdout, stderr = run("preset", "list")
    assert (code, stdout) == (2, "")
    assert stderr.endswith("presets: not found; run pgpipe from the project's root\n")


@pytest.mark.parametrize(
    ("section", "key", "code"),
    [("dataset", "seed", 2), ("train", "seed", 0), ("dataset", "new", 2)],
)
def test_a_stage_whose_parameters_were_edited_meanwhile_does_not_end_well(
    run: Run, monkeypatch: pytest.MonkeyPatch, section: str, key: str, code: int
) -> None:
    """DVC would record its result as one of the edited parameters."""

    def edit() -> None:
        document = load_yaml(Path("params.yaml"))
        document[section][key] = 5
        Path("params.yaml").write_text(json.dumps(document))

    monkeypatch.setattr("stages.prepare.run", edit)
    ended, _, stderr = run("prepare")
    assert (ended, stderr.count("\n")) == (code, int(code > 0))
    assert not code or f"params.yaml: dataset.{key} was" in stderr


def test_preset_that_makes_bad_parameters_changes_nothing(run: Run, project: Path) -> None:
    (project / "presets" / "bad.yaml").write_text("# bad\ntrain: {minibatch: 0}\n")
    before = (project / "params.yaml").read_text()
    code, _, stderr = run("preset", "quick", "bad")
    assert (code, message_of(stderr)) == (2, "preset quick bad: train.minibatch: 0 is not >= 1")
    assert (project / "params.yaml").read_text() == before


@pytest.mark.parametrize(("redirected", "code"), [("> /dev/full", 4), (">&-", 0), (">&- 2>&-", 0)])
def test_standard_output_that_is_full_or_closed_is_told_of(
    project: Path, redirected: str, code: int
) -> None:
    ended = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m pgpipe preset list {redirected}"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    told = "pgpipe: error: standard output: no room for it; free some and run again\n"
    assert (ended.returncode, ended.stderr) == (code, told if code else "")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nonsense"], "nonsense"),
        (["--nonsense"], "--nonsense"),
        (["check", "--nonsense"], "--nonsense"),
        (["check", "nonsense"], "nonsense"),
        (["train"], "phase"),
        (["train", "r99"], "growth.phases.r99: missing"),
        (["train", "r8.res"], "growth.phases.r8.res: "),
        (["ui", "--port", "nonsense"], "--port"),
        (["preset"], "names"),
        (["preset", "nonsense"], "preset 'nonsense' is unknown"),
        (["preset", "show", "nonsense"], "preset 'nonsense' is unknown"),
    ],
)
def test_wrong_command_is_one_line_that_names_the_mistake(
    run: Run, arguments: list[str], word: str
) -> None:
    code, stdout, stderr = run(*arguments)
    assert (code, stdout) == (2, "")
    assert word.lower() in message_of(stderr).lower()


def test_bad_parameter_is_one_line_that_names_it(run: Run, project: Path) -> None:
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("minibatch: 8", "minibatch: -8", 1))
    code, _, stderr = run("check")
    assert (code, message_of(stderr)) == (2, "params.yaml: train.minibatch: -8 is not >= 1")
    assert not (project / "data").exists()


@pytest.mark.parametrize("arguments", [["check"], ["train", "r8"], ["preset", "quick"]])
def test_missing_params_are_one_line(run: Run, project: Path, arguments: list[str]) -> None:
    (project / "params.yaml").unlink()
    code, _, stderr = run(*arguments)
    assert (code, message_of(stderr)) == (
        2, "params.yaml: not found; run pgpipe from the project's root"
    )  # fmt: skip


# What may happen to a command


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (errors.UsageError("x"), 2, "x"),
        (typer.BadParameter("x"), 2, "x"),
        (errors.IntegrityError("x"), 3, "x"),
        (errors.ResourceError("x"), 4, "x"),
        (MemoryError(), 4, "out of memory"),
        (OSError(errno.ENOSPC, "No space left on device", "f"), 4, "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 4, "the disk is full"),
        (errors.LockedError("x"), 5, "x"),
        (errors.DivergedError("x"), 6, "x"),
        (errors.NetworkError("x"), 7, "x"),
        (errors.Interrupted("x"), 75, "x"),
        (KeyboardInterrupt(), 75, "interrupted"),
        (typer.Abort(), 75, "interrupted"),
    ],
)
def test_each_failure_has_its_exit_code_and_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    monkeypatch.setattr(stages.check, "run", raising(error))
    found, stdout, stderr = run("check")
    assert (found, stdout) == (code, "")
    assert message in message_of(stderr)


@pytest.mark.parametrize("code", [0, 1, 3])
def test_exit_keeps_its_code(run: Run, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(stages.check, "run", raising(SystemExit(code)))
    assert run("check") == (code, "", "")


def test_exit_without_a_code_is_success(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages.check, "run", raising(SystemExit()))
    assert run("check") == (0, "", "")


def test_full_memory_of_a_gpu_is_no_bug(project: Path) -> None:
    torch = pytest.importorskip("torch")
    code, message = cli.outcome(torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate"))
    assert code == errors.ResourceError.exit_code
    assert "memory" in message


@pytest.mark.parametrize("kind", [errors.UsageError, errors.IntegrityError])
def test_message_with_line_breaks_is_still_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, kind: type[errors.PgpipeError]
) -> None:
    monkeypatch.setattr(stages.check, "run", raising(kind("a\nb\r\nc\u2028d")))
    message_of(run("check")[2])


# Bugs


def test_bug_is_one_line_with_the_traceback_in_a_file(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages.check, "run", raising(ZeroDivisionError("boom\nmore")))
    code, stdout, stderr = run("check")
    assert (code, stdout) == (70, "")
    message, _, log = message_of(stderr).partition("; traceback in ")
    assert message == "bug: ZeroDivisionError: boom"
    traceback = Path(log).read_text()
    assert "raise error" in traceback
    assert "ZeroDivisionError: boom\nmore" in traceback
    assert Path(log).is_relative_to(project)


@pytest.mark.parametrize(
    "error", [RuntimeError(), ValueError("\n"), KeyError("k"), AssertionError()]
)
def test_bug_without_a_message_is_one_line_too(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(stages.check, "run", raising(error))
    code, _, stderr = run("check")
    assert code == 70
    assert message_of(stderr).startswith(f"bug: {type(error).__name__}: ")


def test_bug_is_reported_where_no_traceback_can_be_written(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".pgpipe").write_text("in the way")
    monkeypatch.setattr(stages.check, "run", raising(ZeroDivisionError("boom")))
    code, _, stderr = run("check")
    assert code == 70
    assert message_of(stderr).startswith("bug: ZeroDivisionError: boom")


def test_traceback_of_any_text_can_be_written(project: Path) -> None:
    code, _ = cli.outcome(ValueError("\udcff is no character"))
    assert code == errors.BUG
    assert "ValueError: " in (project / ".pgpipe" / "crash.log").read_text()


def test_the_prepared_data_set_is_where_the_stages_leave_it() -> None:
    assert data.MULTIRES == paths.MULTIRES


ALONE = """
import sys
sys.modules["stages"] = None  # as of an installed package
sys.argv = ["pgpipe", *sys.argv[1:]]
from pgpipe.__main__ import main
main()
"""


def alone(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ALONE, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_what_needs_a_project_says_so_and_the_rest_runs_without(tmp_path: Path) -> None:
    assert alone(tmp_path, "--version").stdout == f"pgpipe {__version__}\n"
    assert alone(tmp_path, "data", "list").returncode == 0
    done = alone(tmp_path, "data", "check")
    assert (done.returncode, done.stderr) == (
        2,
        "pgpipe: error: this command needs a project: run it in a checkout of pgpipe\n",
    )


def test_stages_are_found_from_within_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").touch()
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "data/own").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "data/own")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(place, "find_spec", lambda _: None)
    place.find_stages()
    assert sys.path[0] == str(tmp_path)


ENDING = """
import atexit, sys, threading, time
from pgpipe import __main__
from pgpipe.commands import app

def command():
    print("done")
    sys.exit(3)

app.main = command
atexit.register(print, "Python ended")
if sys.argv[1:]:
    threading.Thread(target=time.sleep, args=(60,), name="tracking", daemon=True).start()
__main__.main()
"""


@pytest.mark.parametrize(("more", "said"), [((), "done\nPython ended\n"), (("tracks",), "done\n")])
def test_a_tracker_that_is_left_behind_does_not_meet_the_end_of_python(
    more: tuple[str, ...], said: str
) -> None:
    """Its thread may be amid an import of native code, which ends the process by a signal then."""
    done = subprocess.run(
        [sys.executable, "-c", ENDING, *more],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, said, "")
