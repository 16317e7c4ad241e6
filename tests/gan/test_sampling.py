"""Sampling: with batch normalisation an image is drawn among as many others as any."""

from pathlib import Path

import numpy as np
import pytest
import torch
from literal.networks import LiteralGenerator
from specs import network_spec
from tinynets import generator, latents
from torch import Tensor

from pgpipe.errors import UsageError
from pgpipe.gan.generator import Generator
from pgpipe.gan.sampling import facts_of, load_generator, render, save_generator
from pgpipe.images import Images, to_uint8
from pgpipe.plumbing import tensors


def net(norm: str, classes: int = 0) -> Generator:
    made = generator(network_spec(generator_norm=norm, tanh=True, classes=classes), 8)
    return made.requires_grad_(False)


def drawn(net: Generator, z: Tensor, batch: int, labels: Tensor | None = None) -> Images:
    return np.concatenate(list(render(net, z, labels, batch=batch)))


@pytest.mark.parametrize("norm", ["pixel", "none"])
@pytest.mark.parametrize("batch", [1, 3, 4, 64])
def test_without_batch_norm_images_do_not_depend_on_the_batch(norm: str, batch: int) -> None:
    ours, whole = (drawn(net(norm), latents(10), size).astype(int) for size in (batch, 10))
    assert abs(ours - whole).max() <= 1  # rounding to 8 bits, at most


@pytest.mark.parametrize("classes", [0, 3])
def test_last_batch_is_filled_up_with_the_first_latents(classes: int) -> None:
    made, z = net("batch", classes), latents(10)
    labels = torch.arange(10) % classes if classes else None
    picks = torch.tensor([8, 9, 0, 1])
    filled = made(z[picks], None if labels is None else labels[picks])
    ours = drawn(made, z, 4, labels)
    assert ours.shape == (10, 8, 8, 3)
    np.testing.assert_array_equal(ours[8:], to_uint8(filled)[:2].numpy())
    first = made(z[:4], None if labels is None else labels[:4])
    np.testing.assert_array_equal(ours[:4], to_uint8(first).numpy())


def test_fewer_latents_than_a_batch_are_repeated() -> None:
    made, z = net("batch"), latents(3)
    whole = made(z[torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])])
    np.testing.assert_array_equal(drawn(made, z, 8), to_uint8(whole)[:3].numpy())


@pytest.mark.usefixtures("in_double")
def test_statistics_are_those_of_the_batch_drawn() -> None:
    made, z = net("batch"), latents(8)
    literal = LiteralGenerator(made, made.spec)
    parts = [literal(z[:4].numpy(), 8), literal(z[4:].numpy(), 8)]
    pixels = np.concatenate(parts).transpose(0, 2, 3, 1) * 127.5 + 127.5
    assert abs(drawn(made, z, 4) - pixels).max() <= 0.5 + 1e-6


def test_an_image_changes_with_its_companions() -> None:
    made, z = net("batch"), latents(8)
    ours = drawn(made, z, 4)
    theirs = drawn(made, torch.cat([z[:1], z[5:]]), 4)
    assert abs(ours[0].astype(int) - theirs[0]).max() > 2


def test_sampling_leaves_the_generator_as_it_is() -> None:
    made = net("batch")
    before = {name: value.clone() for name, value in made.state_dict().items()}
    first, again = (drawn(made, latents(10), 4) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert all(value.equal(before[name]) for name, value in made.state_dict().items())


def test_a_file_has_all_that_its_generator_takes(tmp_path: Path) -> None:
    made = net("pixel")
    save_generator(tmp_path / "g", made, note="x")
    read = load_generator(tmp_path / "g", torch.device("cpu"))
    np.testing.assert_array_equal(drawn(read, latents(4), 4), drawn(made, latents(4), 4))
    assert tensors.read_facts(tmp_path / "g")["note"] == "x"


@pytest.mark.parametrize("older", [{"format": 1}, {}])
def test_weights_that_would_mean_something_else_are_refused(
    tmp_path: Path, older: dict[str, int]
) -> None:
    made = net("pixel")
    facts = {
        name: value
        for name, value in facts_of(made.spec, made.resolution).items()
        if name != "format"
    }
    tensors.save(tmp_path / "g", dict(made.state_dict()), facts | older)
    with pytest.raises(UsageError, match="g: a generator of format 1, where this pgpipe has 2"):
        load_generator(tmp_path / "g", torch.device("cpu"))
