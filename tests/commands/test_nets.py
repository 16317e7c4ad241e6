"""`pgpipe nets show`: what params.yaml and presets make of the networks."""

import shutil
from pathlib import Path

import pytest
from tinyproject import ROOT, Run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    shutil.copytree(ROOT / "presets", "presets")
    shutil.copy(ROOT / "params.yaml", "params.yaml")


@pytest.mark.usefixtures("here")
def test_the_networks_of_a_preset(command: Run) -> None:
    code, out, _ = command("nets", "show", "celeba-hq-1024")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert ["Conv", "4x4", "LReLU", "pixel", "512", "x", "4", "x", "4", "4,194,816"] in lines
    assert ["Minibatch", "stddev", "-", "-", "513", "x", "4", "x", "4", "-"] in lines
    assert ["in", "all", "23,071,507"] in lines
    assert "23.1 M trainable parameters; 23,087,249 with those that only fades use" in out
    assert max(map(len, out.splitlines())) <= 80
    own = command("nets", "show")[1]
    assert "generator (pggan, 32x32 pixels):" in own
    assert "Join" in own, "labels"


@pytest.mark.usefixtures("here")
def test_what_is_no_preset_is_refused(command: Run) -> None:
    code, _, error = command("nets", "show", "celeba")
    assert code == 2
    assert error.startswith("pgpipe: error: preset 'celeba' is unknown")
