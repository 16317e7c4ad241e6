"""Generators that draw captions: by text, and nothing without one; others refuse texts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from specs import network_spec
from tinynets import disturbed
from tinyproject import Run

from pgpipe.drawing import seeds
from pgpipe.drawing.served import answer
from pgpipe.drawing.trained import open_trained
from pgpipe.errors import UsageError
from pgpipe.gan import text, weights
from pgpipe.gan.sampling import save_generator
from pgpipe.images import to_uint8


def saved(path: Path, **spec: Any) -> Path:
    made = weights.generator(network_spec(**spec), 16)
    weights.load(made, weights.initial(made.spec, 16, 0), "generator")
    save_generator(path, disturbed(made, 1), row={"kimg": 1.0}, precision="fp32", labels=[])
    return path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return saved(tmp_path / "g.safetensors", captions=True)


def test_a_text_is_drawn(file: Path, command: Run) -> None:
    options = ("--seeds", "0-2", "--npy", "--to", "out")
    assert command("generate", str(file), "--text", "Red  heart", *options)[0] == 0
    made = open_trained(file).generator
    z = seeds.latents(made, [0, 1, 2])
    expected = to_uint8(made(z, text.encode(["red heart"]).expand(3, -1))).numpy()
    found = np.load("out/images.npy")
    np.testing.assert_array_equal(found, expected)
    assert command("generate", str(file), "--text", "green apple", *options)[0] == 0
    assert (np.load("out/images.npy") != found).any()


def test_a_walk_goes_from_text_to_text(file: Path, command: Run) -> None:
    options = ("--texts", "red heart,green apple", "--frames", "3", "--to", "walk.webp")
    assert command("walk", str(file), *options)[:2] == (0, "walk.webp: 6 frames\n")


ASKED = "this generator draws what a text says: `pgpipe generate --text` and `pgpipe walk --texts`"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["generate", "TEXT"], ASKED),
        (["walk", "TEXT"], ASKED),
        (["export", "TEXT"], ASKED),
        (["directions", "TEXT"], ASKED),
        (["explore", "TEXT"], ASKED),
        (["generate", "TEXT", "--class", "cat"], "class 'cat': this generator was trained without"),
        (["generate", "TEXT", "--text", " "], "text ' ': has no words"),
        (["generate", "PLAIN", "--text", "cat"], "text 'cat': this generator was trained without"),
        (["generate", "CLASSES", "--text", "a", "--class", "1"], "classes and texts: name the one"),
        (["walk", "CLASSES", "--texts", "a,b"], "text 'a': this generator was trained without cap"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    words: list[str], told: str, file: Path, command: Run
) -> None:
    known = {
        "TEXT": str(file),
        "PLAIN": str(saved(file.with_name("plain"))),
        "CLASSES": str(saved(file.with_name("classes"), classes=3)),
    }
    code, _, stderr = command(*(known.get(word, word) for word in words))
    assert (code, stderr.count("\n")) == (2, 1), stderr
    assert told in stderr


def test_rows_of_seeds_and_texts_are_answered(file: Path) -> None:
    """MLflow's column `class` has the text."""
    trained = open_trained(file)
    both = answer(trained, [0, 0], ["red heart", "green apple"])
    assert not np.array_equal(both[0], both[1])
    with pytest.raises(UsageError, match="text '': has no words"):
        answer(trained, [0], [None])


def test_with_batch_norm_a_text_is_drawn_among_its_like(tmp_path: Path) -> None:
    made = open_trained(saved(tmp_path / "g", captions=True, generator_norm="batch")).generator
    z, vectors = seeds.latents(made, [3, 4]), text.encode(["red heart", "apple"])
    together = [image for batch in seeds.draw(made, z, vectors) for image in batch]
    (alone,) = next(seeds.draw(made, z[1:], vectors[1:]))
    np.testing.assert_array_equal(together[1], alone)
    assert torch.isfinite(made(z, vectors)).all()
