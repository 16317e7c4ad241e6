"""Systems with an encoder, and a stack of two GANs: to the report and the commands of a model."""

from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tinyparams import ROOT, phase, phases, with_values

from faults.drawn import Document
from faults.pipelines import Pipelines
from pgpipe.commands import drawing
from pgpipe.commands.export import export
from pgpipe.config import load_yaml
from pgpipe.data.feeding.multires import read_manifest
from pgpipe.errors import UsageError
from pgpipe.gan.systems import SYSTEMS
from stages import report
from stages.paths import FIGURES, HISTORY, MULTIRES, PAGE

DVC = load_yaml(ROOT / "dvc.yaml")
RELATIVES = [
    pytest.param(name, marks=[] if name == "vae-gan" else pytest.mark.faults)
    for name, system in SYSTEMS.items()
    if system.encoder
]


@pytest.fixture
def pipelines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numerics_as_before: None
) -> Pipelines:
    return Pipelines(tmp_path, monkeypatch)


def document(system: str) -> Document:
    """Two phases on noise, a tenth of which is held out; a code has two numbers."""
    row = SYSTEMS[system]
    decided = {f"model__{key}": value for key, value in row.decided.items()}
    decided |= {f"train__{key}": value for key, value in row.decided_of_train.items()}
    growth = phases(r8=phase(8, "init", 0, 0.016), r16=phase(16, "r8", 0.016, 0.016))
    dataset = {"name": "folder", "path": "classes", "resolution": 16, "held_out": 0.1}
    sizes = {
        **{f"dataset__{key}": value for key, value in dataset.items()},
        **{f"model__{key}": value for key, value in [("fmap_max", 4), ("latent_size", 2)]},
        "sample__images": 96,
        "score__swd_images": 10,
        "score__ms_ssim_pairs": 4,
        "score__classifier_splits": 1,
        "reference__classifier_kimg": 0.01,
        "train__tick_kimg": 0.016,
        "train__quick_images": 8,
        "tracking__enabled": False,
    }
    found: Document = with_values(
        **growth, **sizes, model__name=system, train__select="best:swd_avg", **decided
    )
    return found


@pytest.mark.slow
def test_a_stack_of_two_gans_runs_to_its_scores(pipelines: Pipelines) -> None:
    """From labelled images to scores; what needs a latent that enters in one place says so."""
    chosen = document("stackgan")
    growth = phases(r16=phase(16, "init", 0, 0.016), r64=phase(64, "r16", 0, 0.016))
    chosen["growth"] |= {"final": "r64", "phases": growth["growth__phases"]}
    chosen["dataset"]["resolution"] = 64
    chosen["model"]["latent_size"] = 8
    with chdir(pipelines.project("it", chosen)):
        outcome = pipelines.stages(chosen, 1)
        report.run()
        assert not outcome.missing
        assert outcome.scores["swd_avg"] > 0
        assert "<h1>stackgan: folder</h1>" in PAGE.read_text()
        drawing.generate("models/r64", "0-3", "a", None, False, False, Path("drawn"))
        drawn = [np.asarray(Image.open(file)) for file in sorted(Path("drawn").glob("*.png"))]
        assert [image.shape for image in drawn] == [(64, 64, 3)] * 4
        export("models/r64", Path("exported"))
        assert (Path("exported") / "generator.safetensors").is_file()
        assert not (Path("exported") / "index.html").exists()
        with pytest.raises(UsageError, match="a stackgan has no layer that the whole latent"):
            drawing.directions("models/r64", "0-1", 2)


def held_out() -> int:
    return int(read_manifest(MULTIRES)["held_out"])


@pytest.mark.slow
@pytest.mark.parametrize("system", RELATIVES)
def test_it_runs_to_its_scores_and_pictures(system: str, pipelines: Pipelines) -> None:
    chosen = document(system)
    with chdir(pipelines.project("it", chosen)):
        outcome = pipelines.stages(chosen, 1)
        report.run()
        assert not outcome.missing
        scores = outcome.scores
        assert 0 < scores["reconstruction_error"] < 255
        assert (scores["reconstructed"], scores["reconstructed_are"]) == (held_out(), "held-out")
        assert scores["reconstruction_swd_avg_floor"] == scores["swd_avg_floor"]
        assert {"reconstructions.png", "manifold.png"} <= {p.name for p in FIGURES.iterdir()}
        page = PAGE.read_text()
        assert f"<h1>{system}: folder</h1>" in page
        assert "Held-out images, and in the row below" in page
        columns = HISTORY.read_text().splitlines()[0].split(",")
        plots = [y for plot in DVC["plots"][:2] for of in plot.values() for y in of["y"].values()]
        assert {name for names in plots for name in names} <= {*columns}
        both = [f"../classes/{name}.png" for name in ("a/00", "b/01")]
        to = Path("walk.png")
        drawing.walk("models/r16", ",".join(both), "0-7", None, None, False, 3, 30.0, "1x1", to)
        assert np.asarray(Image.open(to)).std() > 0
        images = [Path(name) for name in both]
        drawing.project(images, "models/r16", None, 2, 2, Path("projected"))
        assert (Path("projected") / "00.json").is_file()


@pytest.mark.faults
@pytest.mark.parametrize("system", ["vae-gan"])
def test_two_processes_share_its_minibatches(system: str, pipelines: Pipelines) -> None:
    chosen = document(system)
    chosen["train"]["minibatch_stddev"] = False
    outcome = pipelines.run(chosen, processes=2)
    assert outcome.refused_by == ""
    assert not outcome.missing
    assert outcome.scores["reconstruction_error"] > 0
