"""The layout of MLflow's page of runs, as its tag has it."""

import json
from pathlib import Path

import numpy as np
import pytest

from pgpipe.images import png
from pgpipe.tracking import pictures, view
from pgpipe.tracking.push import push
from pgpipe.tracking.spool import Run, Spool
from pgpipe.tracking.store import connect


def run(key: str, params: dict[str, str], steps: list[int], metrics: dict[str, float]) -> Spool:
    """A run that is in the store, with pictures and scores."""
    about = Run(key=key, name=key, experiment="e", params=params, tags={}, started_ms=int(key))
    spool = Spool(about)
    for step in steps:
        small = png(np.zeros((4, 4, 3), np.uint8))
        for path, data in pictures.logged(small, "previews/fixed latents", step).items():
            spool.add_content(path, data)
        spool.set_tags(pictures.TAG)
    spool.append(steps[-1] if steps else 0, metrics)
    push(spool.folder)
    return spool


@pytest.mark.slow
def test_columns_are_scores_and_what_differs_and_pictures_begin_where_most_have_one(
    project: Path,
) -> None:
    same = {"train.seed": "0"}
    run("1", {**same, "train.loss": "r1"}, [100, 200], {"score/ms_ssim": 0.5, "score/swd_avg": 2.0})
    run("2", {**same, "train.loss": "hinge"}, [100, 200, 300], {"score/swd_avg": 3.0})
    run("3", {**same, "train.loss": "hinge", "growth.phases.r8.res": "8"}, [], {})
    run("4", {}, [], {"swd_avg/a": 1.0})  # a summary of others, without parameters
    client, experiment = connect("e")
    view.put(client, experiment.identity)
    tags = client.get_experiment(experiment.identity).tags
    layout = json.loads(tags["mlflow.sharedViewState.pgpipe"])
    assert layout["selectedColumns"] == [
        "metrics.`score/swd_avg`",
        "metrics.`score/ms_ssim`",
        "params.`growth.phases.r8.res`",
        "params.`train.loss`",
    ]
    (card,) = layout["compareRunCharts"]
    assert (card["type"], card["imageKeys"]) == ("IMAGE", ["previews/fixed latents"])
    assert (card["step"], card["showRunParams"]) == (200, False)
    (section,) = layout["compareRunSections"]
    assert (section["uuid"], section["name"]) == (card["metricSectionId"], "previews")


def test_an_experiment_without_runs_has_a_layout(project: Path) -> None:
    client, experiment = connect("e")
    view.put(client, experiment.identity)
    assert json.loads(client.get_experiment(experiment.identity).tags[view.TAG]) == {
        "selectedColumns": [], "compareRunCharts": [], "compareRunSections": []
    }  # fmt: skip
