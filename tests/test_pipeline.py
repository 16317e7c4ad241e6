"""The whole pipeline, tiny, in processes of its own: what a user does and sees."""

import base64
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from documented.shown import FENCED
from PIL import Image
from tinyproject import ROOT, Project

from pgpipe.tracking.pictures import NAME

PAGE = ROOT / "docs/how-to/use-a-generator.md"

PHASES = ("r4", "r8", "r16")
LOOKING = {"find", "machine"}  # the stages that always run
LENGTH = "growth.phases.r16.stable_kimg"


def stages_run(output: str) -> set[str]:
    """The stages that DVC says it ran."""
    return set(re.findall(r"Running stage '([^']+)'", output))


def test_leaves_page_scores_and_models(finished: Project) -> None:
    metrics = json.loads((finished.folder / "reports/metrics.json").read_text())
    assert metrics["images"] == 64
    for name in ("swd_16", "swd_avg", "ms_ssim", "classifier_score", "label_accuracy"):
        own = "floor" if name.startswith("swd") else "real"
        assert metrics[name] > 0
        assert metrics[f"{name}_{own}"] > 0
    page = (finished.folder / "reports/index.html").read_text()
    assert "Progressive GAN: photos" in page
    for film, frames in ("growth", 11), ("walk", 64):
        file = finished.folder / f"reports/figures/{film}.webp"
        with Image.open(file) as shown:
            assert getattr(shown, "n_frames", 1) >= frames
        assert base64.b64encode(file.read_bytes()).decode() in page
    assert "<span>astronaut</span>" in page
    assert metrics["protocol"] in page
    assert "Does it copy?" in page
    assert "Class by class" in page
    classes = pd.read_csv(finished.folder / "reports/figures/classes.csv")
    share = (classes.images * classes.found).sum() / classes.images.sum()
    assert share == pytest.approx(metrics["label_accuracy"])
    known = json.loads((finished.folder / "reports/figures/neighbours.json").read_text())
    assert (known["copies"], known["training"]) == (False, 300)
    assert known["spaces"].keys() == {"pixels", "classifier"}
    for phase in PHASES:
        assert (finished.folder / f"models/{phase}/generator.safetensors").is_file()


def test_check_says_how_long_it_took(finished: Project) -> None:
    told = finished.run("pgpipe", "check")
    assert re.search(r"3 phases to 16x16 pixels, 1\.1 kimg .*, \d+ min of training", told), told


def test_the_documented_python_draws_images(finished: Project) -> None:
    (block,) = [text for name, text in FENCED.findall(PAGE.read_text()) if name == "python"]
    code = f"{block.replace('models/r32', 'models/r16')}\nprint(images.shape, images.dtype)"
    (finished.folder / "drawn.py").write_text(code)
    assert "(10, 16, 16, 3) uint8" in finished.run("drawn")
    (finished.folder / "drawn.py").unlink()


def test_history_runs_over_all_phases(finished: Project) -> None:
    lines = (finished.folder / "reports/history.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    kimg = [float(row[0]) for row in rows]
    assert kimg == sorted(kimg)
    assert kimg[-1] == pytest.approx(0.3 + 0.4 + 0.4, abs=0.03)
    assert [row[1] for row in rows] == ["r4"] * 3 + ["r8"] * 4 + ["r16"] * 4


def test_second_repro_only_looks_at_data_and_machine(finished: Project) -> None:
    assert stages_run(finished.run("dvc", "repro")) == LOOKING


def test_bad_parameter_is_refused_before_any_output_is_lost(finished: Project) -> None:
    file = finished.folder / "params.yaml"
    good = file.read_text()
    file.write_text(good.replace("adam_beta2: 0.99", "adam_beta2: 1.99"))
    try:
        output = finished.run("dvc", "repro", code=255)
    finally:
        file.write_text(good)
    assert "pgpipe: error: params.yaml: train.adam_beta2: 1.99 is not <= 0.999999" in output
    assert stages_run(output) == {"check"}
    assert (finished.folder / "models/r16/generator.safetensors").is_file()


@pytest.fixture(scope="module")
def longer(finished: Project) -> str:
    """What DVC says of an experiment whose last phase is longer."""
    return finished.run("dvc", "exp", "run", "-n", "longer", "-S", f"{LENGTH}=0.3")


def test_longer_last_phase_retrains_it_alone(longer: str) -> None:
    assert stages_run(longer) == {
        *("check", "find", "machine", "init", "train@r16", "sample", "score", "report")
    }


def test_experiments_are_runs_with_curves_pictures_and_scores(
    finished: Project, longer: str
) -> None:
    finished.run("pgpipe", "sync")  # what stages on a busy machine did not wait for
    runs = {run.info.run_name: run for run in tracked_runs(finished)}
    run = runs["longer"]
    assert run.info.status == "FINISHED"
    assert run.data.params[LENGTH] == "0.3"
    assert run.data.metrics["score/swd_avg"] > 0
    assert run.data.metrics["neighbours/pixels"] >= 0
    assert run.data.tags["copies"] == "false"
    assert run.data.tags["dvc.experiment"] == "longer"
    assert len(run.data.tags["protocol"]) == 12
    assert run.inputs.dataset_inputs[0].dataset.name == "photos"
    (first,) = [other for name, other in runs.items() if name != "longer"]
    assert first.data.params[LENGTH] == "0.2"
    curve = client(finished).get_metric_history(run.info.run_id, "train/loss_d")
    assert [point.step for point in curve] == sorted({point.step for point in curve})
    pictures = {f.path for f in client(finished).list_artifacts(run.info.run_id, "figures")}
    assert {"figures/random.png", "figures/growth.png", "figures/neighbours.png"} <= pictures
    logged = client(finished).list_artifacts(run.info.run_id, "images")
    steps = {int(found["step"]) for f in logged if (found := NAME.fullmatch(f.path))}
    assert steps == {point.step for point in curve}, "a preview of each tick"
    assert len(logged) == 2 * len(steps)
    about = {f.path for f in client(finished).list_artifacts(run.info.run_id, "generator")}
    assert {"generator/MLmodel", "generator/generator.safetensors"} <= about
    assert f"run_uuid={run.info.run_id}" in run.data.tags["mlflow.note.content"]
    kept = {"train", "quick", "score", "neighbours", "system"}
    assert {name.partition("/")[0] for name in run.data.metrics} <= kept
    scores = {name for name in run.data.metrics if name.startswith(("quick/", "score/"))}
    assert not {
        name for name in scores if name.endswith(("_floor", "_real", "_low", "_std", "_16"))
    }
    told = finished.run("pgpipe", "register", "photos", "longer")
    assert told.startswith("photos version 1 is the generator of run longer")
    told = finished.run("pgpipe", "register", "photos", run.info.run_id)
    assert told.startswith("photos version 1 is already the generator of run longer")


def test_extending_the_growth_trains_only_the_new_phase(finished: Project) -> None:
    (finished.folder / "presets/longer.yaml").write_text(
        "# One resolution more.\n"
        "base: tiny\n"
        "growth:\n"
        "  final: r32\n"
        "  phases: {r32: {res: 32, from: r16, fade_kimg: 0.1, stable_kimg: 0.1}}\n"
    )
    finished.run("pgpipe", "preset", "longer", "--force")  # an earlier test has edited it
    ran = stages_run(finished.run("dvc", "repro", "train@r32"))
    assert {name for name in ran if "train" in name} == {"train@r32"}


def test_a_clone_pulls_results_and_experiments_and_has_nothing_to_run(
    finished: Project, tmp_path: Path
) -> None:
    project = finished.untouched.copy(tmp_path / "project")
    project.run("dvc", "remote", "add", "-d", "store", str(tmp_path / "store"))
    project.commit()
    project.run("dvc", "push")
    project.git("clone", "-q", "--bare", ".", str(tmp_path / "sources"))
    project.git("remote", "add", "origin", str(tmp_path / "sources"))
    project.run("dvc", "exp", "run", "-n", "other", "-S", "sample.seed=5", "sample")
    project.run("dvc", "exp", "push", "origin", "other")

    clone = Project(tmp_path / "clone")
    project.git("clone", "-q", str(tmp_path / "sources"), str(clone.folder))
    clone.run("dvc", "pull")
    assert stages_run(clone.run("dvc", "repro")) == LOOKING
    clone.run("dvc", "exp", "pull", "origin", "other")
    clone.run("dvc", "exp", "apply", "other")
    assert stages_run(clone.run("dvc", "repro", "sample")) == LOOKING
    for name in ("samples/images.npy", "models/r16/generator.safetensors"):
        assert (clone.folder / name).read_bytes() == (project.folder / name).read_bytes()


def client(project: Project):  # type: ignore[no-untyped-def]
    """MLflow's view of the project's store."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{project.folder}/mlflow.db")


def tracked_runs(project: Project) -> list:  # type: ignore[type-arg]
    """All runs in the project's store."""
    store = client(project)
    (experiment,) = [e for e in store.search_experiments() if e.name == "pgpipe"]
    return list(store.search_runs([experiment.experiment_id]))
