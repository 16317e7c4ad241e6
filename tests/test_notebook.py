"""The notebook of docs/tutorials runs from its first cell to its last, in a clone."""

import importlib.util
import json
from pathlib import Path

import pytest
from documented.userproject import UserProject
from tinyparams import ROOT

NOTEBOOK = ROOT / "docs/tutorials/quick.ipynb"
PACKAGES = ("nbclient", "nbformat", "ipykernel")


def test_its_outputs_are_shown_and_name_no_place_of_a_machine() -> None:
    text = NOTEBOOK.read_text()
    cells = json.loads(text)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    assert text.count('"image/png"') >= 4
    assert "/tmp/" not in text  # noqa: S108 - a place that it must not name
    assert "/home/" not in text


@pytest.mark.full
@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in PACKAGES),
    reason="nbclient is not installed: the notebook is not run (make install brings it)",
)
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbclient
    import nbformat

    project = UserProject(tmp_path / "project")
    project.create()
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(project.folder)}}
    nbclient.NotebookClient(
        notebook, timeout=1800, kernel_name="python3", resources=where
    ).execute()
    scores = json.loads((project.folder / "reports/metrics.json").read_text())
    assert scores["swd_16"] > scores["swd_16_floor"] > 0
    pictures = [
        o for c in notebook.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})
    ]
    assert len(pictures) == 4
