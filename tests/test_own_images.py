"""A user's folder of any number of images, through every stage with the default numbers.

A few of the combinations by default; all of them in `make faults`.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imagesets import smooth
from PIL import Image
from tinyproject import ROOT

from pgpipe.config import load_yaml
from pgpipe.errors import UsageError
from pgpipe.plumbing.sealed import read_json
from pgpipe.reporting.figures import read_history
from stages import (
    check,
    download,
    gate,
    init,
    machine,
    prepare,
    reference,
    report,
    sample,
    score,
    train,
)
from stages.paths import DRAWN, FLOOR, METRICS, PAGE

SMALL = {  # of the user's params.yaml: what decides the time alone
    "name": "folder",
    "path": "images",
    "resolution": "16",
    "final": "r16",
    "fmap_base": "16",
    "fmap_max": "4",
    "latent_size": "5",
    "full_resolution": "16",
    "threads": "1",
    "tick_kimg": "0.1",
    "classifier_kimg": "0.5",
    "enabled": "false",
}
PHASES = """\
    r8: {res: 8, from: init, fade_kimg: 0, stable_kimg: 0.1}
    r16: {res: 16, from: r8, fade_kimg: 0.1, stable_kimg: 0.1}
"""
FOLDERS: dict[str, Callable[[int, int], str]] = {  # the folder of an image, of so many
    "flat": lambda number, count: "",
    "one class": lambda number, count: "all/",  # the only folder is no label
    "two classes": lambda number, count: ("cats/", "dogs/")[number % 2],
    "uneven classes": lambda number, count: f"{min(number, 3)}/",  # three have one image each
}


def project(folder: Path, images: int, kind: str, **values: str) -> None:
    """A project with a user's images of a kind, and params.yaml as it comes, but small."""
    text = (ROOT / "params.yaml").read_text()
    start, end = text.index("    r4: {"), text.index("\nmodel:")
    text = text[:start] + PHASES + text[end:]
    for name, value in {**SMALL, **values}.items():
        text, found = re.subn(rf"(?m)^(  {name}:) \S+", rf"\1 {value}", text, count=1)
        assert found, name
    (folder / ".dvc").mkdir()
    (folder / "params.yaml").write_text(text)
    for number, image in enumerate(smooth(images, 16, seed=images)):
        file = folder / "images" / f"{FOLDERS[kind](number, images)}{number:04}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepared() -> None:
    for stage in (check, machine, download, prepare):
        stage.run()


def run_all() -> dict[str, Any]:
    """All stages in the order of dvc.yaml; the scores."""
    prepared()
    for stage in (gate, reference, init):
        stage.run()
    for key in load_yaml(Path("params.yaml"))["growth"]["phases"]:
        train.run(key)
    for stage in (sample, score, report):
        stage.run()
    metrics: dict[str, Any] = read_json(METRICS)
    return metrics


def whole_graph(folder: Path, images: int, kind: str, **values: str) -> None:
    """Run it, and see that every number is what follows from the data."""
    project(folder, images, kind, **values)
    found = run_all()
    assert (found["images"], found["pairs"]) == (min(2048, images // 2), min(1024, images // 4))
    assert len(np.load(DRAWN)) == max(96, found["images"])
    classes = {"flat": 0, "one class": 0, "two classes": 2, "uneven classes": 4}[kind]
    assert ("classifier_score_real" in found) == (classes > 1)
    assert ("label_accuracy_real" in found) == (classes > 1)
    assert Path("reports/figures/row_per_class.png").exists() == (classes > 1)
    assert Path("reports/figures/classes.csv").exists() == (classes > 1)
    assert (found["swd_avg_floor"] is None) == (images < 32)
    assert (read_json(FLOOR)["swd_16"] is None) == (images < 32)
    assert ("too few\n     images for others" in PAGE.read_text()) == (images < 32)
    own = {name: value for name, value in found.items() if name.endswith(("_real", "_floor"))}
    measured = [value for value in own.values() if value is not None]
    assert len(measured) == len(own) - (2 if images < 32 else 0)
    assert np.isfinite([v for v in found.values() if isinstance(v, float)]).all()
    quick = read_history(Path("models/r16/scores.csv"))
    if values.get("quick_images") != "0":
        assert set(quick.images) == {min(256, images // 2 // 2 * 2)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("images", "kind", "quick"),
    [(12, "flat", "auto"), (60, "uneven classes", "0"), (60, "one class", "0")],
)
def test_every_stage_runs(here: Path, images: int, kind: str, quick: str) -> None:
    whole_graph(here, images, kind, quick_images=quick)


@pytest.mark.faults
@pytest.mark.parametrize("kind", FOLDERS)
@pytest.mark.parametrize("images", [12, 13, 31, 32, 48, 60, 75, 83, 300, 307])
def test_every_stage_runs_on_all_of_them(here: Path, images: int, kind: str) -> None:
    whole_graph(here, images, kind)


@pytest.mark.faults
@pytest.mark.parametrize("images", [12, 60])
def test_every_stage_runs_where_training_mirrors_and_selects(here: Path, images: int) -> None:
    whole_graph(here, images, "two classes", mirror="true", select="best:swd_avg")


@pytest.mark.faults
@pytest.mark.parametrize("stacks", [12, 60])
def test_few_stacked_digits_run_through_without_labels(here: Path, stacks: int) -> None:
    project(here, 1, "flat", name="digits-1k", resolution="32", stacks=str(stacks))
    found = run_all()
    assert (found["mode_samples"], found["images"]) == (stacks, stacks // 2)
    assert len(np.load(DRAWN)) == 10 * stacks
    assert found["modes_found_real"] <= stacks
    assert not Path("reports/figures/row_per_class.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("images", [1, 5, 11])
def test_too_few_images_are_refused_on_both_ways(here: Path, images: int) -> None:
    project(here, images, "flat")
    prepared()
    for stage in (gate, init):
        with pytest.raises(UsageError, match=rf"^params.yaml: {images} images? \w+ not >= 12"):
            stage.run()
    assert not Path("models").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"swd_images": "31"}, "score.swd_images: 31 is not <= 30 "),
        ({"ms_ssim_pairs": "16"}, "score.ms_ssim_pairs: 16 is not <= 15 "),
        ({"quick_images": "32"}, "train.quick_images: 32 is not <= 30 "),
        ({"label_conditioning": "acgan"}, "train.label_conditioning: acgan has no use for no"),
        ({"swd_images": "30", "ms_ssim_pairs": "15", "quick_images": "30"}, ""),
    ],
)
def test_what_the_data_do_not_allow_is_refused_first_on_both_ways(
    here: Path, values: dict[str, str], message: str
) -> None:
    project(here, 60, "flat", **values)
    prepared()
    for stage in (gate, init):
        if message:
            with pytest.raises(UsageError, match=f"^params.yaml: {re.escape(message)}"):
                stage.run()
        else:
            stage.run()
    assert Path("models").exists() == (not message)
