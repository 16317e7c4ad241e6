"""Fixtures that several tests share."""

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from faults.trials import REACHED
from loopback import Server, serving
from tinyproject import ROOT, Project, Run
from toyproject import Toy

from pgpipe.plumbing import libraries

if TYPE_CHECKING:
    import typer
    from tinyphase import Count, Place

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tensors here are too small to be shared
libraries.tune()  # before any test file imports one
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--all-faults", action="store_true", help="all trials, not a smoke of each")
    group.addoption("--seed", type=int, default=0, help="of the trials")


SLOW_FOLDERS = ("faults", "processes", "estimate")  # they start processes
SHARED = re.compile(r"\b(finished|untrained): Project")  # a fixture that takes a minute to make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow by where it is; where several processes test, begin with that."""
    for item in items:
        if item.path.parent.name in SLOW_FOLDERS or shares_project(item.path):
            item.add_marker(pytest.mark.slow)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: (not shares_project(item.path), not is_slow(item)))


def is_slow(item: pytest.Item) -> bool:
    """Whether a test is marked so."""
    return item.get_closest_marker("slow") is not None


@cache
def shares_project(file: Path) -> bool:
    """Whether a file has tests of the finished project, which one process makes once."""
    return SHARED.search(file.read_text()) is not None


def unit_of(test: str) -> str:
    """What of the tests stays in one process: a file, or all those of the finished project."""
    file = test.partition("::")[0]
    return "finished" if shares_project(ROOT / file) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let pytest-xdist hand out these units in order; its own groups (3.8) fail with pytest 9."""
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = unit_of
    return scheduler


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the trials of faults have reached, in whichever process."""
    reports = [r for some in terminalreporter.stats.values() for r in some]
    figures = [
        str(text)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, text in report.user_properties
        if name == REACHED
    ]
    if figures:
        terminalreporter.section(f"faults, --seed {terminalreporter.config.option.seed}")
        terminalreporter.write_line("\n".join(figures))


PARAMS = """\
train: {learning_rate: 1e-3, minibatch: 16}
growth: {final: r8, phases: {r4: {res: 4}, r8: {res: 8}}}
tracking: {enabled: true, experiment: ours}
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose pipeline ran once, undisturbed."""
    project = Project(tmp_path_factory.mktemp("finished")).create()
    project.run("dvc", "repro")
    project.first_results = project.results()
    project.untouched = project.copy(tmp_path_factory.mktemp("untouched") / "project")
    return project


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """A project of three small stages in which DVC ran once."""
    toy = Toy(tmp_path_factory.mktemp("ran"))
    toy.run("dvc", "repro")
    return toy


@pytest.fixture
def toy(ran: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A copy of it as the current folder."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    shutil.copytree(ran.folder, tmp_path / "toy")
    monkeypatch.chdir(tmp_path / "toy")
    return Toy.at(tmp_path / "toy")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny project of its own as the current folder, with the default store."""
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "pgpipe").mkdir()
    (tmp_path / "pgpipe" / "loss.py").write_text("WEIGHT = 10\n")
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    return tmp_path


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store of MLflow, to copy: its migrations take seconds."""
    from pgpipe.tracking.store import create_database

    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    create_database(file)
    return file


@pytest.fixture
def with_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tests' params.yaml and this project's presets as the current one."""
    shutil.copy(ROOT / "tests/params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


@pytest.fixture
def few_replicates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of scores of a few resampled sets: most of the time of scoring a few images."""
    from pgpipe.metrics import bootstrap  # after the environment above is set

    monkeypatch.setattr(bootstrap, "REPLICATES", 10)


@pytest.fixture
def numerics_as_before() -> Iterator[None]:
    """Undo what trainings in this process ask of torch: later ones would have other bits."""
    import torch  # after the environment above is set

    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    yield
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)
    torch.use_deterministic_algorithms(mode=False)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run code that names float32 in float64."""
    import torch  # after the environment above is set

    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> "Place":
    """A phase that goes on from a finished one."""
    from tinyphase import Place

    return Place(tmp_path_factory.mktemp("phase")).grow()


@pytest.fixture(scope="session")
def whole(place: "Place") -> tuple[Path, "Count"]:
    """The states of a run of that phase that nothing interrupted, and who listened."""
    states = place.folder / "whole"
    return states, place.run(states)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command of pgpipe in this process: its exit code, stdout and stderr."""
    from pgpipe.commands import app as cli
    from pgpipe.plumbing.processes.signals import stop_request

    def command(*arguments: str, app: "typer.Typer" = cli.app) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pgpipe", *arguments])
        with stop_request(), pytest.raises(SystemExit) as ended:  # which restores the handlers
            cli.main(app)
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return command


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine, which downloads try again without waiting."""
    from pgpipe.plumbing.fetch import transfer

    monkeypatch.setattr(transfer, "WAIT_SECONDS", 0.001)
    with serving() as running:
        yield running
