"""Pictures of steps are the files that MLflow's own client writes, but for time and chance."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image

from pgpipe.images import png, write_png
from pgpipe.tracking import pictures
from pgpipe.tracking.config import TrackingSection
from pgpipe.tracking.push import Pushed, push
from pgpipe.tracking.spool import Run, Spool, read_run, runs_folder
from pgpipe.tracking.sync import Synced, sync
from pgpipe.tracking.tracker import open_run

KEY = "previews/fixed latents"
CHANCE = re.compile(r"timestamp\+\d+\+[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def picture(seed: int = 0, width: int = 512) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (256, width, 3), np.uint8)
    return png(noise)


@pytest.mark.slow
def test_the_files_are_those_of_the_client(project: Path, empty_store: Path) -> None:
    client = MlflowClient(f"sqlite:///{shutil.copy(empty_store, project)}")
    experiment = client.create_experiment("pictures", (project / "theirs").as_uri())
    run = client.create_run(experiment)
    image = Image.open(io.BytesIO(picture()), formats=["PNG"])
    client.log_image(run.info.run_id, image, key=KEY, step=300)
    folder = project / "theirs" / run.info.run_id / "artifacts"
    theirs = {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    ours = pictures.logged(picture(), KEY, 300)
    assert {CHANCE.sub("", path) for path in ours} == {CHANCE.sub("", path) for path in theirs}
    assert all(CHANCE.search(path) for path in ours)
    for files in (ours, theirs):
        sizes = {
            Image.open(io.BytesIO(data), formats=["PNG", "WEBP"]).size for data in files.values()
        }
        assert sizes == {(512, 256), (256, 128)}
    assert client.get_run(run.info.run_id).data.tags.items() >= pictures.TAG.items()


def test_a_step_is_named_alike_each_time_and_otherwise_than_others() -> None:
    first, again = (pictures.logged(picture(), KEY, 300) for _ in range(2))
    assert first == again
    assert not first.keys() & pictures.logged(picture(), KEY, 301).keys()
    assert first.keys() == pictures.logged(picture(1), KEY, 300).keys(), "the last content stays"
    (shown,) = (name for path in first if (name := pictures.NAME.fullmatch(path)))
    assert (shown["key"], shown["step"]) == ("previews~fixed latents", "300")


@pytest.mark.slow
def test_an_outage_loses_no_picture_and_repeating_doubles_none(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = TrackingSection(enabled=True, experiment="e")
    write_png(project / "r4-1.png", np.zeros((8, 16, 1), np.uint8))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for _ in range(2):  # a stage that was interrupted, and the same again
        with open_run("train", on, "made of") as tracker:
            tracker.log_image(project / "r4-1.png", KEY, 100)
            tracker.log_content("generator/MLmodel", b"flavors: {}")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert sync() == Synced(runs=1, points=0, artifacts=3)
    (folder,) = runs_folder().iterdir()
    (folder / "pushed.json").unlink()
    assert push(folder) == Pushed(points=0, artifacts=3)
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert len(client.list_artifacts(run.info.run_id, "images")) == 2
    assert run.data.tags.items() >= pictures.TAG.items()


def test_what_is_as_it_was_is_not_written_again(project: Path) -> None:
    spool = Spool(Run(key="k", name="n", experiment="e", params={}, tags={}, started_ms=7))
    spool.set_tags({"a": "b"})
    spool.add_content("folder/file", b"content")
    watched = [spool.folder / "run.json", spool.folder / "artifacts/folder/file"]
    before = [file.stat().st_ino for file in watched]
    spool.set_tags({"a": "b"})
    spool.add_content("folder/file", b"content")
    assert [file.stat().st_ino for file in watched] == before
    spool.set_tags({"a": "c"})
    spool.add_content("folder/file", b"other")
    assert read_run(spool.folder).tags == {"a": "c"}
    assert watched[1].read_bytes() == b"other"


def test_a_tag_of_mlflow_s_may_name_its_run(project: Path) -> None:
    tags = {"mlflow.note.content": "runs:/{run}", "own": "{run}"}
    spool = Spool(Run(key="k", name="n", experiment="e", params={}, tags=tags, started_ms=7))
    push(spool.folder)
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert run.data.tags["mlflow.note.content"] == f"runs:/{run.info.run_id}"
    assert run.data.tags["own"] == "{run}"
