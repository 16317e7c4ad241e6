"""A folder for others: what it holds, what the card says, and what is proven of a generator."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML
from specs import DCGAN, network_spec
from tinynets import generator
from tinyproject import Run

from pgpipe.drawing import browser, exporting, graphs, seeds
from pgpipe.drawing.origin import Origin, origin_of
from pgpipe.drawing.trained import open_trained
from pgpipe.errors import IntegrityError, PgpipeError, UsageError
from pgpipe.gan.sampling import save_generator

NAMES = ["cat", "<i>|dog"]
PLAIN = {"generator.safetensors", "config.json", "README.md", "samples.png", "index.html"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A generator's file in the current folder, which is no project."""
    monkeypatch.chdir(tmp_path)
    made = generator(network_spec(classes=2), 8)
    row = {"kimg": 12.5, "phase": "r8", "resolution": 8, "fade": 1.0}
    save_generator(tmp_path / "g", made, labels=NAMES, row=row, precision="fp32")
    return tmp_path / "g"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_folder_and_what_it_says(
    command: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = command("export", "g", "--to", "a/b")
    assert (code, err) == (0, "")
    assert out.startswith("a/b: generator.safetensors, config.json")
    folder = Path("a/b")
    assert names(folder) == PLAIN
    assert (folder / "generator.safetensors").read_bytes() == file.read_bytes()
    assert open_trained(folder).classes == NAMES
    config = json.loads((folder / "config.json").read_text())
    assert (config["library_name"], config["resolution"]) == ("pgpipe", 8)
    assert (config["labels"], config["spec"]["classes"]) == (NAMES, 2)
    assert config["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    made = open_trained(file).generator
    unused = sum(p.numel() for p in made.to_rgb["4"].parameters())
    assert config["parameters"] == sum(p.numel() for p in made.parameters()) - unused
    with Image.open(folder / "samples.png") as picture:
        assert picture.size == (512, 512)
        drawn = np.asarray(picture)[::16, ::16]
    (image,) = np.concatenate(
        list(seeds.draw(made, seeds.latents(made, [5]), seeds.labels(made, [5])))
    )
    np.testing.assert_array_equal(drawn[8:16, 8:16], image, "seed 5: second row, second column")
    card = (folder / "README.md").read_text()
    head, title = card.split("---\n")[1:3]
    assert YAML(typ="safe").load(head)["library_name"] == "pgpipe"
    assert "# Progressive GAN, 8x8\n" in title
    for told in ("cat, &lt;i&gt;\\|dog", "12,500 real images", "Not known here", "samples.png"):
        assert told in card
    assert "Scores" not in card
    assert "onnx" not in card
    snippet = card.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    found: dict[str, Any] = {}
    exec(snippet, found)  # noqa: S102 - as a reader types it
    assert found["images"].shape == (4, 8, 8, 3)


def test_an_exported_folder_is_exported_anew_and_an_earlier_export_replaced(
    command: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("export", "g", "--to", "a", "--torchscript")[0] == 0
    (file.parent / "a/.git").mkdir()
    assert names(file.parent / "a") == {*PLAIN, "generator.pt", ".git"}
    monkeypatch.setattr(browser, "MOST_BYTES", 1000)
    code, _, err = command("export", "a", "--to", "a")
    assert code == 0
    assert err.startswith("index.html is not written: ")
    assert err.count("\n") == 1
    assert names(file.parent / "a") == {*PLAIN - {"index.html"}, ".git"}, "none of another export"
    assert (file.parent / "a/generator.safetensors").read_bytes() == file.read_bytes()
    assert "index.html" not in (file.parent / "a/README.md").read_text()


@pytest.mark.parametrize("broken", [browser.page, exporting.samples, graphs.write_torchscript])
def test_what_fails_leaves_all_as_it_was(
    command: Run, file: Path, monkeypatch: pytest.MonkeyPatch, broken: Any
) -> None:
    def fail(*_: object) -> bytes:
        raise IntegrityError("fails here")

    monkeypatch.setattr(sys.modules[broken.__module__], broken.__name__, fail)
    code, out, err = command("export", "g", "--to", "a/b", "--torchscript")
    assert (code, out, err.count("\n")) == (IntegrityError.exit_code, "", 1)
    assert names(file.parent) == {"g"}


def test_files_of_others_are_not_replaced(command: Run, file: Path) -> None:
    (file.parent / "README.md").write_text("mine")
    for place, told in ((".", "README.md that is no export's"), ("g", "a file where a folder")):
        code, out, err = command("export", "g", "--to", place)
        assert (code, out, err.count("\n")) == (UsageError.exit_code, "", 1)
        assert told in err
    assert (file.parent / "README.md").read_text() == "mine"
    assert names(file.parent) == {"g", "README.md"}


def test_a_missing_package_is_named(
    command: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    code, _, err = command("export", "g", "--onnx")
    assert code == UsageError.exit_code
    assert "--onnx needs onnx: pip install 'pgpipe[export]'" in err
    assert names(file.parent) == {"g"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("changes", [{"classes": 2}, DCGAN])
def test_onnx_and_torchscript_draw_the_same(tmp_path: Path, changes: dict[str, Any]) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="no onnxruntime here: ONNX is not run")
    made = generator(network_spec(**changes), 8).requires_grad_(False)
    graphs.write_onnx(tmp_path / "g.onnx", made)
    graphs.write_torchscript(tmp_path / "g.pt", made)
    assert names(tmp_path) == {"g.onnx", "g.pt"}, "one file each"
    given = graphs.inputs(made, 7)
    expected = made(*given).numpy()
    session = runtime.InferenceSession(tmp_path / "g.onnx", providers=["CPUExecutionProvider"])
    feed = dict(zip(("latents", "classes"), (tensor.numpy() for tensor in given), strict=False))
    np.testing.assert_allclose(session.run(["images"], feed)[0], expected, atol=1e-4)
    np.testing.assert_allclose(torch.jit.load(tmp_path / "g.pt")(*given), expected, atol=1e-4)


def test_a_graph_that_draws_otherwise_is_refused() -> None:
    made = generator(network_spec(classes=2), 8).requires_grad_(False)
    with pytest.raises(IntegrityError, match=r"g\.pt: differs from PyTorch's pictures by \d+ of"):
        graphs.require_same(Path("a/g.pt"), made, lambda given: made(*given) + 0.02)
    graphs.require_same(Path("a/g.pt"), made, lambda given: made(*given) + 0.002)


# What a project proves


def project(folder: Path, file: Path, data: str = "photos") -> Path:
    """Write what a finished run leaves, as far as it is looked at; return its generator."""
    model = folder / "models/r8"
    model.mkdir(parents=True)
    model.joinpath("generator.safetensors").write_bytes(file.read_bytes())
    metrics = b'{"swd_8": 12.5, "swd_8_floor": 3.25, "swd_avg": 12.5, "swd_avg_floor": 3.25}'
    (folder / "reports").mkdir()
    (folder / "reports/metrics.json").write_bytes(metrics)
    own = "models/r8/generator.safetensors"
    dataset = {"dataset": {"name": data, "path": "/home/me/secret", "resolution": 8}}
    stages = {
        "prepare": {"params": {"params.yaml": dataset}},
        "train@r8": {"params": {"params.yaml": {"train.seed": 5, "score.seed": 0}}},
        "sample": {
            "deps": [{"path": own, "md5": md5(file.read_bytes())}],
            "outs": [{"path": "samples", "md5": "5a.dir"}],
        },
        "score": {
            "deps": [{"path": "samples", "md5": "5a.dir"}],
            "outs": [{"path": "reports/metrics.json", "md5": md5(metrics)}],
        },
    }
    YAML().dump({"schema": "2.0", "stages": stages}, folder / "dvc.lock")
    return folder / own


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_data_scores_and_parameters_are_told_where_they_are_the_generator_s(
    command: Run, file: Path
) -> None:
    own = project(file.parent / "project", file)
    assert command("export", str(own.parent), "--to", "out")[0] == 0
    card = Path("out/README.md").read_text()
    assert "# Progressive GAN, 8x8, photos\n" in card
    assert "Licence of the data: those of scikit-image's data folder." in card
    assert "| Sliced Wasserstein distance x 10³, 8x8 level | 12.5 | 3.25 |" in card
    assert '    dataset.name: "photos"\n    dataset.resolution: 8\n    train.seed: 5\n' in card
    assert card.endswith("seed: 5\n")
    assert "secret" not in card
    assert "<title>Progressive GAN, 8x8, photos</title>" in Path("out/index.html").read_text()


def test_own_images_have_no_known_licence(command: Run, file: Path) -> None:
    own = project(file.parent / "project", file, "folder")
    assert command("export", str(own.parent), "--to", "out")[0] == 0
    card = Path("out/README.md").read_text()
    assert "# Progressive GAN, 8x8, own images\n" in card
    assert "Licence of the data: not known here." in card


@pytest.mark.parametrize(
    ("lock", "kind"),
    [
        *((text, UsageError) for text in ("", "[]", "{", "\0")),  # no YAML, or no mapping
        *((text, IntegrityError) for text in ("a: 1", "stages: 5", "stages: {sample: [1]}")),
    ],
)
def test_a_damaged_lock_is_one_line(
    command: Run, file: Path, lock: str, kind: type[PgpipeError]
) -> None:
    own = project(file.parent / "project", file)
    own.parents[2].joinpath("dvc.lock").write_text(lock)
    code, out, err = command("export", str(own), "--to", "out")
    assert (code, out, err.count("\n")) == (kind.exit_code, "", 1), err
    assert "dvc.lock" in err
    assert not Path("out").exists()


def test_what_is_not_proven_is_not_told(file: Path) -> None:
    own = project(file.parent / "project", file)
    known = origin_of(own)
    assert (known.data, known.scores["swd_8"]) == ("photos", 12.5)
    metrics = own.parents[2] / "reports/metrics.json"
    metrics.write_text(metrics.read_text().replace("12.5", "1.25"))
    assert origin_of(own) == known._replace(scores={}), "scores of another run"
    own.write_bytes(own.read_bytes() + b" ")
    assert origin_of(own) == Origin(), "another generator"
    assert origin_of(file) == Origin(), "no project"
