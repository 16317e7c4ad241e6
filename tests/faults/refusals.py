"""What a system can refuse, and commands that meet it in processes of their own.

A refusal is made in two parts: of the project, before the command starts, and in its process, which
loses rights there: root's capabilities, so that modes count, or the right to write at all, in a
namespace of its own.
"""

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import typer

from faults.test_bad_options import commands
from faults.warm import CONTEXT, PATIENCE
from pgpipe.commands import app as cli
from pgpipe.plumbing.files import fresh_folder
from pgpipe.plumbing.hashes import sha256_file
from pgpipe.plumbing.sealed import MAKERS

OTHER_USER = 12345  # without a name
NEW_NAMESPACES = 0x00020000 | 0x10000000  # of mounts, of users
READ_ONLY, REMOUNT, BIND = 1, 32, 4096
FINISHED = ("data", "models", "reference", "samples", "reports", "params.yaml", "dvc.lock")

Words = tuple[str, ...]


# Losing rights, in the process of a command


def without_privileges() -> None:
    """Drop root's capabilities, who may read all files: rights then count for their owner, too."""
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None).capset(header, none):
        raise OSError("capset")


def own_namespaces(user: int = os.getuid()) -> None:
    """Have namespaces in which this process may mount, and has this number.

    Raises:
        OSError: the system does not give them.
    """
    outer, group = os.getuid(), os.getgid()
    called("unshare", NEW_NAMESPACES)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {outer} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path("/proc/self", name).write_text(text)


def called(name: str, *arguments: object) -> None:
    """Call a function of the C library."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)


def mount(source: str, target: Path, kind: str | None, flags: int, options: str = "") -> None:
    """See mount(2)."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    called("mount", *texts, ctypes.c_ulong(flags), options.encode())


def read_only(folder: Path) -> None:
    """Make a folder read-only for this process."""
    own_namespaces()
    mount(str(folder), folder, None, BIND)
    mount("none", folder, None, BIND | REMOUNT | READ_ONLY)
    os.chdir(folder)  # the one that was mounted


def small_disk(folder: Path, size: int) -> None:
    """Mount an empty disk of so many bytes for this process."""
    own_namespaces()
    mount("tmpfs", folder, "tmpfs", 0, f"size={size}")


def limited(kind: int, size: int) -> Callable[[Path], None]:
    """Limit what a process may take of something."""
    return lambda _: resource.setrlimit(kind, (size, size))


# The refusals


@dataclass(frozen=True)
class Refusal:
    """One, made anew in every project."""

    before: Callable[[Path], object] = lambda _: None  # makes it in a project, from outside
    within: Callable[[Path], object] = lambda _: None  # makes it in the process of a command
    works: bool = False  # the command does all the same what it does without
    environment: bool = False  # it is met while libraries are imported, too
    damage: bool = False  # it takes away what a stage has made


def as_another(folder: Path) -> None:
    """Be the user of a project that belongs to another one."""
    without_privileges()
    os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    if folder.stat().st_uid == os.getuid():
        os.environ["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1"


def without_the_first(folder: Path) -> None:
    """Have nothing where the project was made that this one is a copy of."""
    own_namespaces()
    mount("tmpfs", next(p for p in folder.parents if p.name == "work").parent / "base", "tmpfs", 0)


def given_away(folder: Path) -> None:
    """Give a project to another user, if we may; in any case we may not write to it."""
    unwritable(folder)
    if os.geteuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, OTHER_USER, OTHER_USER, follow_symlinks=False)


def unwritable(folder: Path) -> None:
    """Take the right to write from all of a folder."""
    subprocess.run(["chmod", "-R", "a-w", folder], check=True)


def writable(folder: Path) -> None:
    """Undo what refusals do to rights."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "root:root", folder], check=True)
    subprocess.run(["chmod", "-R", "u+rwX", folder], check=True)


def file_instead(name: str) -> Callable[[Path], None]:
    """Put a file where a project has a folder."""

    def put(folder: Path) -> None:
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).write_text("mine\n")

    return put


def variables(**values: str | None) -> Callable[[Path], None]:
    """Set variables of the environment, or remove them."""

    def change(folder: Path) -> None:
        without_privileges()
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value.replace("PROJECT", str(folder))

    return change


def nobody(home: str | None) -> Callable[[Path], None]:
    """Be a user without a name, as in a container, with a home folder or without."""

    def change(folder: Path) -> None:
        own_namespaces(OTHER_USER)
        variables(HOME=home, USER=None, LOGNAME=None, LNAME=None, USERNAME=None)(folder)

    return change


def with_umask(mask: int) -> Callable[[Path], None]:
    """Have new files lack these rights."""

    def change(_: Path) -> None:
        without_privileges()
        os.umask(mask)

    return change


def full_temporary_folder(folder: Path) -> None:
    """Have a TMPDIR without room."""
    (folder / ".pgpipe/full").mkdir()
    os.environ["TMPDIR"] = str(folder / ".pgpipe/full")
    small_disk(folder / ".pgpipe/full", 4096)


NONE, GONE, GITS_DISTRUST = "none", "moved", "git's distrust"
REFUSALS: dict[str, Refusal] = {
    NONE: Refusal(),
    GONE: Refusal(within=without_the_first, works=True),
    GITS_DISTRUST: Refusal(within=as_another),
    "no right to write": Refusal(unwritable, lambda _: without_privileges()),
    "mounted read-only": Refusal(within=read_only),
    "another user's": Refusal(given_away, as_another),
    **{
        f"files of {size} bytes": Refusal(within=limited(resource.RLIMIT_FSIZE, size))
        for size in (8192, 40_000, 300_000)
    },
    **{
        f"{count} open files": Refusal(
            within=limited(resource.RLIMIT_NOFILE, count), environment=True
        )
        for count in (12, 16, 24, 48)
    },
    **{
        f"a file as {name}": Refusal(file_instead(name), damage=name in MAKERS)
        for name in ("data", "models", "reports", "reference", "samples", ".pgpipe", "presets")
    },
    "DVC_ROOT absent": Refusal(within=variables(DVC_ROOT="/no/such/place")),
    "DVC_ROOT a file": Refusal(within=variables(DVC_ROOT="PROJECT/params.yaml")),
    "DVC_ROOT too long": Refusal(within=variables(DVC_ROOT="/x" * 3000)),
    "umask 077": Refusal(within=with_umask(0o077), works=True),
    "umask 0777": Refusal(within=with_umask(0o777)),
    "HOME unset": Refusal(within=variables(HOME=None), works=True, environment=True),
    "HOME unwritable": Refusal(within=variables(HOME="/proc"), works=True, environment=True),
    "TMPDIR absent": Refusal(
        within=variables(TMPDIR="/no/such/place"), works=True, environment=True
    ),
    "TMPDIR full": Refusal(within=full_temporary_folder),
    "a user without a name": Refusal(within=nobody("/"), works=True, environment=True),
    "a user without a home": Refusal(within=nobody(None), environment=True),
}  # fmt: skip


# Commands


EVERY = {tuple(words): of for words, of in commands(typer.main.get_command(cli.app))}
PORT = str(4000 + os.getpid() % 1000)  # of what serves a page
SERVERS = ("ui", "explore")
ARGUMENTS: dict[Words, Sequence[Words]] = {
    ("check",): [(), ("--estimate",)],
    ("train",): [("r8",)],
    ("score",): [(), (
        "--real", "data/multires/r16/00000.npy", "--fake", "samples/images.npy",
        "--json", "scores.json", "--swd-images", "32", "--pairs", "16",
    )],
    ("preset",): [("list",), ("show", "tiny"), ("tiny", "--force")],
    **{(of,): [("--port", PORT)] for of in SERVERS},
    ("project",): [("samples/random.png", "--steps", "2", "--starts", "1")],
    ("register",): [("faces",)],
    ("weights",): [("--from", "params.yaml"), ("--url", "http://127.0.0.1:9/")],
    ("repair",): [(), ("--dry-run",)],
    ("gc",): [("--days", "0"), ("--dry-run",)],
    ("ablation", "queue"): [("--rows", "a", "--seeds", "1")],
    ("ablation", "status"): [("--rows", "a", "--seeds", "1")],
    **{(of, "run"): [("--executor", "slurm")] for of in ("study", "ablation")},
    ("import",): [("params.yaml", "--to", "imported.safetensors")],
    ("walk",): [("--frames", "1", "--seeds", "0-1")],
    ("data", "check"): [("--json", "look.json", "--page", "look.html")],
    ("data", "show"): [(), ("--sheet", "sheet.png")],
    ("data", "extract"): [("--to", "extracted", "--count", "4")],
    ("data", "compare"): [("data/multires", "data/multires")],
}  # fmt: skip
CASES: list[Words] = [(*words, *more) for words in EVERY for more in ARGUMENTS.get(words, [()])]


class Ended(NamedTuple):
    """How a command ended; None: it did not."""

    code: int | None
    output: str
    errors: str


def ended(folder: Path, words: Words, name: str, really: bool) -> Ended:
    """Run a command in a project with a refusal; what it says goes into files elsewhere."""
    logs = fresh_folder(folder.with_name(f"{folder.name[:9]}-said"))
    process = CONTEXT.Process(target=run, args=(folder, words, logs, name, really))
    process.start()
    assert process.pid
    until = time.monotonic() + PATIENCE
    serves = False
    while process.exitcode is None and time.monotonic() < until:
        process.join(0.02)
        if words[0] in SERVERS and not serves and (serves := "http://" in read(logs / "1")):
            os.kill(process.pid, signal.SIGINT)
    code = process.exitcode
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return Ended(code, read(logs / "1"), read(logs / "2"))


def read(file: Path) -> str:
    """What was written so far."""
    return file.read_text(errors="replace") if file.exists() else ""


def run(folder: Path, words: Words, logs: Path, name: str, really: bool) -> None:
    """The process of a command."""
    os.setsid()
    os.chdir(folder)
    for number in (1, 2):
        os.dup2(os.open(logs / f"{number}", os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_TRACKING"))]:
        del os.environ[name]
    REFUSALS[name].within(folder)
    if really:
        os.execv(sys.executable, [sys.executable, "-m", "pgpipe", *words])  # noqa: S606
    from pgpipe.plumbing.processes.signals import interrupt_on_signals

    sys.argv = ["pgpipe", *words]
    interrupt_on_signals()  # as the command's first act is
    cli.main()


@dataclass
class Meeting:
    """A command that meets a refusal in a copy of a finished project."""

    finished: Path
    folder: Path
    words: Words
    name: str = NONE  # of the refusal
    really: bool = False  # by an interpreter that has imported nothing yet

    def __post_init__(self) -> None:
        """Copy the project."""
        if self.folder.exists():
            writable(self.folder)
        fresh_folder(self.folder.parent)
        shutil.copytree(self.finished, self.folder, symlinks=True)
        (self.folder / "dvc.yaml").touch()

    def fault(self, expected: int = 0) -> str:
        """What is wrong with how the command ends; `expected` is its code if nothing is refused."""
        refusal = REFUSALS[self.name]
        refusal.before(self.folder)
        before = hashes(self.folder)
        end = ended(self.folder, self.words, self.name, self.really)
        writable(self.folder)
        damage = {3} if refusal.damage or self.words == ("verify",) else {expected}
        told = fault_of(end, {expected} if refusal.works else {0, 2, 4, *damage})
        allowed = outputs_of(self.words)
        after = hashes(self.folder)
        harmed = sorted(
            name
            for name, value in before.items()
            if after.get(name) != value
            and not (name not in after and name.startswith(allowed))
            and not (name == "params.yaml" and self.words[0] == "preset" and not end.code)
        )
        return told or (f"{end.code}, harmed: {harmed[:3]}: {end.errors}" if harmed else "")


def outputs_of(words: Words) -> tuple[str, ...]:
    """What a stage makes anew, which may be missing where it failed."""
    made: Mapping[str, tuple[str, ...]] = {
        "check": ("data/checked",),
        "find": ("data/found.json", "data/start.json"),
        "machine": ("data/machine",),
        "download": ("data/raw",),
        "prepare": ("data/multires",),
        "gate": ("data/gate.json",),
        "reference": ("reference",),
        "init": ("models/init", "models/layers"),
        "train": ("models/r8",),
        "sample": ("samples",),
        "score": ("reports/metrics.json", "reports/.hashes.json"),
        "report": (
            *("reports/index.html", "reports/figures"),
            *("reports/history.csv", "reports/quick_scores.csv"),
        ),
    }
    return made.get(words[0], ())


def hashes(folder: Path) -> dict[str, str]:
    """The hashes of a project's finished files."""
    found = [folder / name for name in FINISHED]
    files = [p for path in found for p in ([path] if path.is_file() else path.rglob("*"))]
    return {p.relative_to(folder).as_posix(): sha256_file(p) for p in files if p.is_file()}


def fault_of(end: Ended, codes: set[int]) -> str:
    """What is wrong with the end of a command; nothing, if it has one of these codes."""
    said = end.errors.splitlines()
    errors = [line for line in said if line.startswith("pgpipe: error: ")]
    last = " | ".join(said[-3:])
    if end.code is None:
        return f"hangs: {last}"
    if end.code not in codes or "Traceback" in end.errors or "Traceback" in end.output:
        return f"{end.code}: {last}"
    if end.code > 1 and (len(errors) != 1 or said[-1] != errors[0]):
        return f"{end.code}, not told in one line: {last}"
    return f"0, and an error: {last}" if not end.code and errors else ""
