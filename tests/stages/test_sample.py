"""Images for scoring: written as they come, with the labels that they were drawn with."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pgpipe import rng
from pgpipe.config import load_yaml
from pgpipe.gan import samples
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.generator import Generator
from pgpipe.gan.sampling import render_all, save_generator
from pgpipe.images import Images
from pgpipe.plumbing.layout import GENERATOR, LAST
from pgpipe.plumbing.sealed import read_json
from stages import sample
from stages.paths import DRAWN, DRAWN_FACTS, DRAWN_LABELS, DRAWN_LAST, MULTIRES, SAMPLES, model

ROOT = Path(__file__).parents[2]
CLASSES = 3
COUNT = 50


def generator(classes: int) -> Generator:
    values = load_yaml(ROOT / "tests/params.yaml")["model"]
    small = {"fmap_base": 16, "fmap_max": 4, "latent_size": 5}
    spec = NetworkSpec(**values | small, channels=3, classes=classes, minibatch_stddev=True)
    made = Generator(spec, 16)
    for number, parameter in enumerate(made.parameters()):
        parameter.data = rng.normal(tuple(parameter.shape), rng.key(0, "test", number))
    return made.requires_grad_(False)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "tests/params.yaml").read_text()
    text = text.replace("final: r32", "final: r16").replace("images: 2048 ", f"images: {COUNT} ", 1)
    (tmp_path / "params.yaml").write_text(text.replace("minibatch: 64", "minibatch: 8"))
    MULTIRES.mkdir(parents=True)
    np.save(MULTIRES / "labels.npy", np.array([0, 1, 2, 2, 2, 2]))


def run(classes: int) -> Generator:
    made = generator(classes)
    model("r16").mkdir(parents=True)
    for name in (GENERATOR, LAST):
        save_generator(model("r16") / name, made, row={"kimg": 3.0}, precision="bf16")
    sample.run()
    return made


@pytest.mark.usefixtures("here")
def test_images_are_those_of_the_latents_and_labels() -> None:
    made = run(CLASSES)
    drawn, labels = np.load(DRAWN), np.load(DRAWN_LABELS)
    assert (labels.shape, labels.dtype) == ((COUNT,), np.int64)
    assert (labels == 2).mean() > (labels == 1).mean(), "as frequent as in the data"
    latents = rng.normal((COUNT, 5), rng.key(1, "sample", 0))
    np.testing.assert_array_equal(drawn, render_all(made, latents, torch.from_numpy(labels)))
    np.save("again.npy", drawn)
    assert DRAWN.read_bytes() == Path("again.npy").read_bytes()
    assert (SAMPLES / "row_per_class.png").is_file()


@pytest.mark.usefixtures("here")
def test_without_classes_there_are_no_labels() -> None:
    run(0)
    assert not DRAWN_LABELS.exists()
    assert not (SAMPLES / "row_per_class.png").exists()
    assert len(np.load(DRAWN)) == COUNT


@pytest.mark.usefixtures("here")
def test_blocks_of_latents_differ_and_the_first_is_as_if_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Blocks bound the memory; a smaller sample is the start of no other, but for its block."""
    monkeypatch.setattr(samples, "BLOCK", 20)
    made = run(0)
    drawn = np.load(DRAWN)
    first = rng.normal((20, 5), rng.key(1, "sample", 0))
    np.testing.assert_array_equal(drawn[:20], render_all(made, first, None))
    assert len(np.unique(drawn.reshape(COUNT, -1), axis=0)) == COUNT


@pytest.mark.usefixtures("here")
def test_images_take_their_name_only_when_they_are_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, batch: int) -> Images:
        if list(SAMPLES.glob(".images.*")) and batches:
            raise KeyboardInterrupt
        batches.append(batch)
        return np.zeros((batch, 16, 16, 3), np.uint8)

    batches: list[int] = []
    monkeypatch.setattr(samples, "render_batch", broken)
    with pytest.raises(KeyboardInterrupt):
        run(0)
    assert list(SAMPLES.iterdir()) == []


@pytest.mark.usefixtures("here")
def test_the_last_generator_is_drawn_too_where_another_is_selected() -> None:
    run(0)
    assert not DRAWN_LAST.exists()
    assert read_json(DRAWN_FACTS) == {"kimg": 3.0, "last_kimg": 3.0, "train_precision": "bf16"}
    last = generator(0)
    for parameter in last.parameters():
        parameter.data *= -1
    save_generator(model("r16") / LAST, last, row={"kimg": 4.0}, precision="bf16")
    chosen = np.load(DRAWN)
    sample.run()
    np.testing.assert_array_equal(np.load(DRAWN), chosen)
    latents = rng.normal((COUNT, 5), rng.key(1, "sample", 0))
    np.testing.assert_array_equal(np.load(DRAWN_LAST), render_all(last, latents, None))
    assert read_json(DRAWN_FACTS) == {"kimg": 3.0, "last_kimg": 4.0, "train_precision": "bf16"}
