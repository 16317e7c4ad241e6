"""No command removes or changes an output before the parameters that it reads are valid."""

import json
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tinyparams import ROOT, with_values
from tinyproject import Run

from pgpipe.config import load_yaml, paths_of

PHASE = "r8"
STAGES: dict[str, Any] = load_yaml(ROOT / "dvc.yaml")["stages"]


def outputs() -> Iterator[Path]:
    """A file in each output that dvc.yaml names."""
    for entry in STAGES.values():
        stage = entry.get("do", entry)
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]:
            (name,) = out if isinstance(out, dict) else (out,)
            path = Path(name.replace("${key}", PHASE))
            yield path if path.suffix else path / "kept"


def broken() -> Iterator[tuple[str, str]]:
    """Each stage with each path that it reads."""
    for stage in STAGES:
        for path in paths_of(import_module(f"stages.{stage}").Params):
            yield stage, path.replace("{key}", PHASE)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Path, str]:
    """Outputs of an earlier run in the current folder, with their contents."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    for path in outputs():
        if path.name == "kept" and path.parent == Path("data/checked"):
            path = path.parent
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))
    return everything(tmp_path)


def everything(folder: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in folder.rglob("*") if path.is_file()}


def words(stage: str) -> list[str]:
    return [stage, PHASE] if stage == "train" else [stage]


@pytest.mark.parametrize(("stage", "path"), list(broken()))
def test_stage_with_a_bad_parameter_leaves_every_output(
    kept: dict[Path, str], command: Run, stage: str, path: str
) -> None:
    values = {path.replace(".", "__"): {"nonsense": [1]}}
    Path("params.yaml").write_text(json.dumps(with_values(**values)))
    code, _, stderr = command(*words(stage))
    assert code == 2
    assert stderr.startswith(f"pgpipe: error: params.yaml: {path}")
    Path("params.yaml").unlink()
    assert everything(Path.cwd()) == kept


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "gate"])
def test_stage_with_a_broken_file_leaves_every_output(
    kept: dict[Path, str], command: Run, stage: str
) -> None:
    Path("params.yaml").write_text("train: [")
    assert command(*words(stage))[0] == 2
    Path("params.yaml").unlink()
    assert everything(Path.cwd()) == kept


def test_preset_that_makes_bad_parameters_leaves_every_output(
    kept: dict[Path, str], command: Run
) -> None:
    shutil.copy(ROOT / "tests/params.yaml", ".")
    Path("presets").mkdir()
    Path("presets/bad.yaml").write_text("# bad\ntrain: {minibatch: 0}\n")
    before = everything(Path.cwd())
    assert command("preset", "--force", "bad")[0] == 2
    assert everything(Path.cwd()) == before
