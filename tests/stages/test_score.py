"""Scores of the Inception network from stage to stage, with generated weights in place of its file.

The prepared images are noise, the samples are the reals themselves.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from literal import inception as literal

from pgpipe.data.feeding.multires import ImageStore
from pgpipe.data.preparing.pyramid import blocks
from pgpipe.data.preparing.writing import write
from pgpipe.metrics import inception_file
from pgpipe.plumbing.files import write_json
from pgpipe.plumbing.hashes import sha256
from pgpipe.plumbing.sealed import read_json
from pgpipe.scoring import pair
from stages import reference, score
from stages.paths import (
    DRAWN,
    DRAWN_FACTS,
    DRAWN_LAST,
    FEATURES,
    METRICS,
    MULTIRES,
    REFERENCE,
    SAMPLES,
    images,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NAMES = {"inception_score", "inception_score_std", "fid", "kid", "kid_std", "precision", "recall"}
OWN = {"inception_score_real", "fid_floor", "kid_floor", "precision_real", "recall_real"}
VALUES = {
    "final": "r16",
    "swd_images": 4,
    "ms_ssim_pairs": 2,
    "classifier_splits": 1,
    "classifier_kimg": 0.1,
    "inception_images": 5,
    "inception_splits": 2,
    "fid_images": 4,
}


def project(inception: bool) -> None:
    """In the current folder: parameters, and forty images of one label."""
    text = (ROOT / "tests/params.yaml").read_text()
    for name, value in {**VALUES, "inception": str(inception).lower()}.items():
        text, found = re.subn(rf"(?m)^(  {name}:) \S+", rf"\1 {value}", text, count=1)
        assert found, name
    Path("params.yaml").write_text(text)
    draw = np.random.default_rng(0)
    noise = [(draw.uniform(0, 255, (16, 16, 3)), "noise", str(i)) for i in range(40)]
    write(blocks(noise), MULTIRES, 16, [])


def run_stages() -> None:
    """The reals stand for the samples."""
    reference.run()
    SAMPLES.mkdir()
    known = np.load(MULTIRES / "r16/00000.npy")
    write_json(DRAWN_FACTS, {"kimg": 1.0, "last_kimg": 1.0})
    np.save(DRAWN, known[np.load(REFERENCE / "reals.npy")[[0, 1, 2, 3, 0]]])
    score.run()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


def test_scores_stand_beside_the_reals_own(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = literal.file_of(literal.generated(0))
    monkeypatch.setattr(inception_file, "SHA256", sha256(weights))
    inception_file.path().parent.mkdir(parents=True)
    inception_file.path().write_bytes(weights)
    project(inception=True)
    run_stages()
    found = read_json(METRICS)
    assert found.keys() >= NAMES | OWN
    assert np.load(FEATURES).shape == (4, 2048)
    assert found["fid"] < 1e-3 * found["fid_floor"]
    assert found["kid"] < found["kid_floor"]
    assert (found["precision"], found["recall"]) == (1, 1)
    assert found["inception_score"] >= 1
    assert (found["inception_images"], found["fid_images"]) == (5, 4)


def test_without_the_network_one_line_says_which_scores_are_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    project(inception=False)
    run_stages()
    found = read_json(METRICS)
    assert not found.keys() & {*NAMES, *OWN, "inception_images", "fid_images"}
    assert "swd_avg" in found
    assert not FEATURES.exists()
    assert capsys.readouterr().err.splitlines()[-1] == (
        "score: score.inception is false: no inception_score, fid, kid, precision, recall; "
        "`pgpipe weights` fetches their network"
    )


def test_two_sets_on_their_own_score_what_the_stage_scores() -> None:
    project(inception=False)
    run_stages()
    reals, fakes = ImageStore(images(16)), ImageStore(np.load(DRAWN))
    section = pair.protocol_of(pair.Options(images=4, pairs=2), reals, fakes)
    found = pair.compare(reals, fakes, section, torch.device("cpu"), lambda batches, *_: batches)
    where = {"kimg", "last_kimg"}  # in a training
    of_stage = {k: v for k, v in read_json(METRICS).items() if k not in where}
    assert found == of_stage


def test_where_another_tick_is_selected_the_last_one_is_scored_beside_it() -> None:
    project(inception=False)
    run_stages()
    alone = read_json(METRICS)
    assert not [name for name in alone if name.startswith("last_") and name != "last_kimg"]
    known = np.load(MULTIRES / "r16/00000.npy")
    np.save(DRAWN_LAST, 255 - known[:5])
    write_json(DRAWN_FACTS, {"kimg": 1.0, "last_kimg": 2.0})
    score.run()
    both = read_json(METRICS)
    assert {name: both[name] for name in alone if name != "last_kimg"} == {
        name: value for name, value in alone.items() if name != "last_kimg"
    }
    assert both["last_swd_avg"] > both["swd_avg"]
    assert (both["kimg"], both["last_kimg"]) == (1.0, 2.0)
