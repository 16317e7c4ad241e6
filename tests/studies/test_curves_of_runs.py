"""Curves of finished runs: levels from DVC's cache, speeds from the spool."""

from pathlib import Path

import pytest
from tinyparams import ROOT

from pgpipe.config import Document, load_yaml
from pgpipe.experiments.revisions import Ref
from pgpipe.experiments.runs import Run
from pgpipe.studies import curves
from pgpipe.studies.table import Experiment
from pgpipe.tracking import spool
from pgpipe.tracking.identity import this_run

SCORES = """\
kimg,phase,resolution,fade,images,swd_16,swd_16_floor,swd_avg,swd_32
6.0,r16,16,1.0,8,30.5,5.0,30.5,
9.0,r32,32,1.0,8,20.5,5.0,30.0,39.5
"""


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Document:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    Path(".dvc").mkdir()
    Path("params.yaml").write_bytes((ROOT / "tests/params.yaml").read_bytes())
    found = load_yaml(Path("params.yaml"))
    return {**found, "tracking": {"enabled": False, "experiment": "another"}}


def test_levels_and_speeds_of_a_run(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[str, str] = {}
    content = SCORES.encode()
    monkeypatch.setattr(curves, "read_output", lambda *asked: read.update([asked]) or content)
    for made_of, factor in (("older code", 3), ("code", 1)):
        log = spool.Spool(this_run("train@r8", "e", made_of).model_copy(
            update={"started_ms": 10 - factor}
        ))  # fmt: skip
        for step, speed in ((5000, 900.0), (6000, 800.0), (11_000, 400.0), (50_000, 100.0)):
            log.append(step, {curves.SPEED: factor * speed, "train/loss_d": 1.0})
    run = Run(Ref("growth-photos-grown-s0", "c0ffee", 0), document, {}, "p")
    found = curves.curve_of(Experiment("growth", "photos", "grown", 3, document), run)
    assert read == {"c0ffee": "models/r32/scores.csv"}
    assert [tick.levels for tick in found.ticks] == [{16: 30.5}, {16: 20.5, 32: 39.5}]
    assert [tick.images for tick in found.ticks] == [6000, 9000]
    assert (found.row, found.seed) == ("grown", 3)
    assert found.images == {4: 6000, 8: 6000, 16: 6000, 32: 34_000}
    assert found.speeds == {4: [900.0, 800.0], 8: [400.0], 32: [100.0]}
    assert not found.is_timed, "16x16 has no times"
    other = {**document, "train": {**document["train"], "seed": 9}}
    assert curves.speeds_of(other, found.images) == {}
