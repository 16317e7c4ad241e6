"""Images for scoring: written as they come, with the labels that they were drawn with."""

import re
from pathlib import Path
from statistics import NormalDist
from typing import Any, cast

import numpy as np
import pytest
import torch
from specs import CODER, network_spec
from tinynets import disturbed
from torch import Tensor

from pgpipe import rng
from pgpipe.config import load_yaml
from pgpipe.data.feeding import mirrored
from pgpipe.gan import samples, weights
from pgpipe.gan.config import NetworkSpec
from pgpipe.gan.encoding import encode
from pgpipe.gan.generator import Generator
from pgpipe.gan.sampling import drawing, facts_of, render_all, save_generator
from pgpipe.images import Images
from pgpipe.plumbing import tensors
from pgpipe.plumbing.files import write_json
from pgpipe.plumbing.layout import GENERATOR, LAST
from pgpipe.plumbing.sealed import read_json
from stages import sample
from stages.paths import (
    DRAWN,
    DRAWN_FACTS,
    DRAWN_LABELS,
    DRAWN_LAST,
    MULTIRES,
    ORIGINALS,
    RECONSTRUCTED,
    SAMPLES,
    model,
)

ROOT = Path(__file__).parents[2]
CLASSES = 3
COUNT = 50


def generator(classes: int) -> Generator:
    values = load_yaml(ROOT / "tests/params.yaml")["model"]
    small = {"fmap_base": 16, "fmap_max": 4, "latent_size": 5}
    values.pop("start")
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


# Systems with an encoder


def coder(latent_size: int = 5) -> tuple[torch.nn.Module, Generator]:
    """Write an encoder and its decoder as the model, and prepared images of which 12 are apart."""
    spec = network_spec(**{**CODER, "latent_size": latent_size})
    nets = []
    for kind in ("generator", "encoder"):
        net = weights.network(spec, kind, 16)
        weights.load(net, weights.initial(spec, 16, 0), kind)
        nets.append(disturbed(net))
    named = {f"{average}.{name}": value
             for average, net in zip(("average", "average_encoder"), nets, strict=True)
             for name, value in net.state_dict().items()}  # fmt: skip
    about = {**facts_of(spec, 16), "row": {"kimg": 3.0}, "precision": "bf16"}
    model("r16").mkdir(parents=True)
    for file in (GENERATOR, LAST):
        tensors.save(model("r16") / file, drawing(named, spec), about)
    return nets[1], cast("Generator", nets[0])


def prepared(held_out: int) -> tuple[Images, Images]:
    draw, found = np.random.default_rng(0), []
    for folder, count in ((MULTIRES, 60), (MULTIRES / "held_out", held_out)):
        found.append(draw.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8))
        (folder / "r16").mkdir(parents=True)
        np.save(folder / "r16/00000.npy", found[-1])
    write_json(MULTIRES / "manifest.json", {"count": 60, "held_out": held_out})
    return found[0], found[1]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("held_out", "told"), [(12, (12, "held-out")), (30, (20, "held-out")), (0, (20, "training"))]
)
def test_held_out_images_are_encoded_first_and_decoded(
    held_out: int, told: tuple[int, str]
) -> None:
    text = Path("params.yaml").read_text()
    text = re.sub(r"swd_images: \S+", "swd_images: 20", text)
    Path("params.yaml").write_text(re.sub(r"ms_ssim_pairs: \S+", "ms_ssim_pairs: 10", text))
    encoder, decoder = coder()
    training, apart = prepared(held_out)
    sample.run()
    originals, found = np.load(ORIGINALS), np.load(RECONSTRUCTED)
    np.testing.assert_array_equal(found, render_all(decoder, encode(encoder, originals), None))
    facts = read_json(DRAWN_FACTS)
    assert (facts["reconstructed"], facts["reconstructed_are"]) == told
    compared = training[mirrored.order(60, 0)[:20]]

    def among(some: Images) -> list[bool]:
        return [bool((some == image).all(axis=(1, 2, 3)).any()) for image in originals]

    first = min(held_out, 20)
    assert among(apart) == [True] * first + [False] * (20 - first)
    assert not any(among(compared)), "what they are compared with is not what they are made of"
    assert len(np.unique(originals, axis=0)) == 20
    assert (SAMPLES / "reconstructions.png").is_file()
    assert not (SAMPLES / "manifold.png").exists()


def test_two_numbers_are_drawn_as_a_plane_from_low_to_high() -> None:
    """The generator shows its latent: the first number as red, the second as green."""

    class Shown(Generator):
        def forward(self, z: Tensor, labels: Any = None, fade: Any = None) -> Tensor:
            colour = torch.cat([z / 2, torch.zeros(len(z), 1)], 1)
            return colour[:, :, None, None].expand(-1, -1, 16, 16)

    picture = sample.manifold(Shown(network_spec(latent_size=2), 16))
    cells = picture[32::64, 32::64]
    assert cells.shape == (12, 12, 3)
    quantiles = [NormalDist().inv_cdf((n + 0.5) / 12) for n in range(12)]
    expected = np.clip(127.5 + 127.5 * np.array(quantiles) / 2, 0, 255)
    assert abs(cells[..., 0] - expected[None]).max() <= 0.51, "red from left to right"
    assert abs(cells[..., 1] - expected[::-1, None]).max() <= 0.51, "green upwards"
