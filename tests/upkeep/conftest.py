"""A project that has run, a copy of its own for each test."""

import shutil
from pathlib import Path

import pytest
from toyproject import Toy


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """The project in which the pipeline ran once."""
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
