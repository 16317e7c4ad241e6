"""Fixtures of the fault tests: `make faults` makes every trial, `make test` a smoke of each."""

from contextlib import chdir
from multiprocessing import forkserver
from pathlib import Path

import pytest
from tinyproject import ROOT, Project

from faults.chains import undisturbed_seconds, untrained_copy
from faults.trials import Trials
from faults.warm import PRELOADED


@pytest.fixture
def trials(request: pytest.FixtureRequest) -> Trials:
    """Of the test that asks."""
    options = request.config.option
    return Trials(options.all_faults, options.seed, request.node)


@pytest.fixture(scope="session")
def warm() -> None:
    """The process that commands are forked from has imported what they need."""
    forkserver.set_forkserver_preload(PRELOADED)
    with chdir(ROOT):  # the sources that it imports are those here
        forkserver.ensure_running()


@pytest.fixture
def untrained(finished: Project, tmp_path: Path, warm: None) -> Project:
    """A project that has run as far as the first weights, and no phase yet."""
    return untrained_copy(finished, tmp_path / "project")


@pytest.fixture(scope="session")
def seconds(
    finished: Project, tmp_path_factory: pytest.TempPathFactory, warm: None
) -> dict[str, float]:
    """How long each stage takes undisturbed."""
    return undisturbed_seconds(untrained_copy(finished, tmp_path_factory.mktemp("timed") / "p"))
