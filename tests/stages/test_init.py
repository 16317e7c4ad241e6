"""The last check before hours of training, and what the training starts from."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from pgpipe.config import load_yaml
from pgpipe.errors import UsageError
from pgpipe.plumbing import tensors
from pgpipe.plumbing.files import write_json
from pgpipe.plumbing.layout import PREVIEW_LABELS, PREVIEW_LATENTS
from stages import init

ROOT = Path(__file__).parents[2]


def project(
    at: Path, count: int = 5000, labels: tuple[str, ...] = ("a", "b"), **train: Any
) -> None:
    """A params.yaml, and the manifest of a data set of `count` images in color."""
    text = (ROOT / "tests/params.yaml").read_text()
    text = text.replace("fmap_max: 64", "fmap_max: 4").replace("latent_size: 64", "latent_size: 5")
    for name, value in train.items():
        text, found = re.subn(rf"(  {name}:) \w+", rf"\1 {value}", text)
        assert found
    (at / "params.yaml").write_text(text)
    manifest = {"count": count, "channels": 3, "labels": list(labels), "arrays": {}}
    write_json(at / "data/multires/manifest.json", manifest)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# What the data do not allow


def test_too_few_images_leave_what_was_there(here: Path) -> None:
    project(here, count=10)
    (here / "models" / "init").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"^params\.yaml: 10 images are not >= 12: too few to"):
        init.run()
    assert [path.name for path in (here / "models").iterdir()] == ["init"]


# Labels


@pytest.mark.parametrize("kind", ["acgan", "matching", "projection"])
def test_labels_that_do_not_exist_are_not_conditioned_on(here: Path, kind: str) -> None:
    project(here, labels=(), label_conditioning=kind)
    with pytest.raises(UsageError, match=r"^params\.yaml: train\.label_conditioning: .* no labels"):
        init.run()
    assert not (here / "models").exists()


@pytest.mark.parametrize(
    ("labels", "wanted", "classes"),
    [
        (("a", "b"), "acgan", 2),
        (("a", "b", "c"), "matching", 3),
        (("a", "b"), "projection", 2),
        (("a", "b"), "auto", 2),
        (("a",), "auto", 0),
        ((), "auto", 0),
        (("a", "b"), "false", 0),
        ((), "false", 0),
    ],
)
def test_networks_have_the_classes_that_are_conditioned_on(
    here: Path, labels: tuple[str, ...], wanted: str, classes: int
) -> None:
    project(here, labels=labels, label_conditioning=wanted)
    init.run()
    start, facts = tensors.read(Path("models/init/state.safetensors"))
    assert facts["spec"]["classes"] == classes
    judged = wanted if classes and wanted != "auto" else "acgan"
    assert facts["spec"]["conditioning"] == judged, "by which states of other forms are others"
    assert start[PREVIEW_LABELS].max() == max(0, classes - 1)


# What training starts from


def test_layers_are_those_of_each_phase_and_no_other(here: Path) -> None:
    project(here)
    init.run()
    names: dict[str, set[str]] = {}
    for key in load_yaml(Path("params.yaml"))["growth"]["phases"]:
        names[key] = set(tensors.read(Path(f"models/layers/{key}.safetensors"))[0])
    every = set().union(*names.values())
    assert sum(map(len, names.values())) == len(every)
    assert any(".blocks.32." in name for name in names["r32"])
    assert not any(".blocks.32." in name for name in names["r16"])


def test_networks_have_the_switches_of_the_model(here: Path) -> None:
    project(here, generator_norm="batch", latent_norm="none", discriminator_divisor=2)
    init.run()
    _, facts = tensors.read(Path("models/init/state.safetensors"))
    asked = load_yaml(Path("params.yaml"))["model"]
    assert asked.pop("start") == ""
    assert {name: facts["spec"][name] for name in asked} == asked
    layers, _ = tensors.read(Path("models/layers/r8.safetensors"))
    assert layers["generator.blocks.8.up.norm.gain"].eq(1).all()
    assert layers["discriminator.from_rgb.8.weight"].shape[0] == 2  # of 4


def test_a_later_phase_changes_no_earlier_layer(here: Path) -> None:
    project(here)
    init.run()
    before = {file.name: file.read_bytes() for file in Path("models/layers").glob("r*")}
    text = Path("params.yaml").read_text()
    row = "    r64: {res: 64, from: r32, fade_kimg: 1, stable_kimg: 1}\n"
    Path("params.yaml").write_text(text.replace("\n\nmodel:", f"\n{row}\nmodel:"))
    init.run()
    after = {file.name: file.read_bytes() for file in Path("models/layers").glob("r*")}
    assert after.keys() - before.keys() == {"r64.safetensors"}
    assert before.items() <= after.items()


def test_previews_are_fixed_normal_latents_of_all_classes(here: Path) -> None:
    project(here)
    init.run()
    first, facts = tensors.read(Path("models/init/state.safetensors"))
    init.run()
    again, _ = tensors.read(Path("models/init/state.safetensors"))
    assert first[PREVIEW_LATENTS].shape == (init.PREVIEWS, 5)
    assert first[PREVIEW_LATENTS].std().item() == pytest.approx(1, abs=0.2)
    assert first[PREVIEW_LABELS].tolist() == [0, 1] * (init.PREVIEWS // 2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert facts["images_seen"] == 0
