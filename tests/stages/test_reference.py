"""The stages around the training, on stacked digits, from the library's file to the scores."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from pgpipe.data.feeding.multires import ImageStore, read_labels, read_manifest
from pgpipe.metrics import classifier
from pgpipe.plumbing.files import write_json
from pgpipe.plumbing.sealed import read_json
from stages import download, prepare, reference, score
from stages.paths import (
    CLASSIFIER,
    DIGIT_CLASSIFIER,
    DRAWN,
    DRAWN_FACTS,
    FLOOR,
    METRICS,
    MULTIRES,
    SAMPLES,
    SOURCES,
    images,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
VALUES = {
    "name": "digits-1k",
    "resolution": 32,
    "stacks": 300,
    "swd_images": 64,
    "ms_ssim_pairs": 32,
    "classifier_kimg": 3,
    "mode_samples": 150,
    "mode_evaluations": 2,
}


@pytest.fixture(scope="module")
def stages_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after download, prepare, reference and score, the reals standing for samples."""
    folder = tmp_path_factory.mktemp("digits")
    text = (ROOT / "tests/params.yaml").read_text()
    for name, value in VALUES.items():
        text, found = re.subn(rf"(?m)^(  {name}:) \S+", rf"\1 {value}", text, count=1)
        assert found, name
    (folder / "params.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        download.run()
        prepare.run()
        reference.run()
        SAMPLES.mkdir()
        write_json(DRAWN_FACTS, {"kimg": 1.0, "last_kimg": 1.0})
        np.save(DRAWN, ImageStore(images(32)).take(np.arange(300)))
        score.run()
    return folder


@pytest.fixture(autouse=True)
def here(stages_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stages_run)


def test_all_resolutions_are_prepared_with_the_modes_as_labels() -> None:
    assert {p.name for p in MULTIRES.glob("r*")} == {"r4", "r8", "r16", "r32"}
    assert read_manifest(MULTIRES)["count"] == len(read_labels(MULTIRES)) == 300
    assert read_labels(MULTIRES).max() > 900
    assert np.load(SOURCES).shape == (300, 3)


def test_no_classifier_of_1000_modes_is_trained_but_one_of_10_digits() -> None:
    assert not CLASSIFIER.exists()
    net = classifier.load(DIGIT_CLASSIFIER, torch.device("cpu"))
    assert net.logits.out_features == 10
    assert net(torch.zeros(2, 1, 32, 32)).shape == (2, 10)
    assert read_json(FLOOR)["digit_accuracy"] > 0.8


def test_modes_of_reals_are_those_of_their_labels() -> None:
    found = read_json(METRICS)
    halves = read_labels(MULTIRES).reshape(2, 150)
    true = [len(set(half.tolist())) for half in halves]
    assert found["modes_found"] == pytest.approx(np.mean(true), rel=0.1)
    assert found["modes_found_real"] == pytest.approx(np.mean(true), rel=0.1)
    assert found["mode_kl"] == pytest.approx(found["mode_kl_real"], rel=0.1)


def test_scores_state_their_protocol() -> None:
    found = read_json(METRICS)
    assert (found["mode_samples"], found["mode_evaluations"]) == (150, 2)
    assert {"modes_found_std", "mode_kl_std", "swd_avg", "ms_ssim"} <= found.keys()
    assert not [name for name in found if name.startswith(("classifier", "label"))]
