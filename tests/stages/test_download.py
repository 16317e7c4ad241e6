"""The stages download and prepare on each source, from a user's files to squares with labels."""

from pathlib import Path

import numpy as np
import pytest
from publishedsets import WRITERS, without_hashes
from tinyparams import ROOT
from tinyproject import Run

from pgpipe.config import load_yaml
from pgpipe.data.feeding import multires
from pgpipe.data.sources import obtain
from pgpipe.data.sources.catalogue import entries
from stages import prepare
from stages.paths import MULTIRES, RAW

SIZES = {"celeba": 128, "stl10": 64, "stl10-unlabelled": 64}


@pytest.fixture
def params(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tests' params.yaml in a project whose catalogue knows no hash."""
    monkeypatch.setattr(obtain, "entries", without_hashes)
    return project / "params.yaml"


def choose(params: Path, name: str, **values: str) -> None:
    """Take a data set from the folder `own`."""
    text = (ROOT / "tests/params.yaml").read_text()
    chosen = {"path": "own", "resolution": str(SIZES.get(name, 16)), "name": name, **values}
    lines = text.splitlines()
    for key, value in chosen.items():
        at = next(i for i, line in enumerate(lines) if line.startswith(f"  {key}: "))
        lines[at] = f"  {key}: {value}"
    params.write_text("\n".join(lines))
    assert load_yaml(params)["dataset"]["name"] == name


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_source_becomes_squares_with_labels(name: str, params: Path, command: Run) -> None:
    (params.parent / "own").mkdir()
    known = WRITERS[name](params.parent / "own")
    choose(params, name, crop="celeba" if name == "celeba" else "center")
    code, _, stderr = command("download")
    assert (code, stderr) == (0, "")
    prepare.run()
    manifest = multires.read_manifest(MULTIRES)
    assert manifest["count"] == len(known)
    assert manifest["rejected"] == []
    labels = sorted({label for _, label in known})
    assert manifest["labels"] == (labels if len(labels) > 1 else [])
    numbers = [labels.index(label) for _, label in known]
    np.testing.assert_array_equal(multires.read_labels(MULTIRES), numbers)


@pytest.mark.parametrize("name", ["celeba", "lsun", "parquet", "folder"])
@pytest.mark.parametrize("stage", ["check", "download"])
def test_missing_files_are_one_line_of_exit_2(
    name: str, stage: str, params: Path, command: Run
) -> None:
    choose(params, name, resolution="64")
    code, _, stderr = command(stage)
    assert code == 2
    assert "own" in stderr
    assert len(stderr.splitlines()) == 1
    if stage == "check":
        assert entries()[name].by_hand in stderr


def test_broken_file_is_one_line_of_exit_3(params: Path, command: Run) -> None:
    (params.parent / "own").mkdir()
    (params.parent / "own/x.parquet").write_bytes(b"no table at all")
    choose(params, "parquet")
    assert command("download")[0] == 0
    code, _, stderr = command("prepare")
    assert code == 3
    assert stderr.startswith(f"pgpipe: error: {RAW}/x.parquet: not a readable parquet file: ")
    assert len(stderr.splitlines()) == 1


def test_list_is_a_command(command: Run) -> None:
    code, stdout, _ = command("data", "list")
    assert code == 0
    assert "cifar10 " in stdout
