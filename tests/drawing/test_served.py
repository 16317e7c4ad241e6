"""Rows of a seed and a class, answered as MLflow's model does."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from specs import network_spec
from tinynets import generator

from pgpipe.drawing import seeds
from pgpipe.drawing.served import answer
from pgpipe.drawing.trained import Trained
from pgpipe.errors import UsageError


def trained(classes: int = 3, channels: int = 3) -> Trained:
    spec = network_spec(classes=classes, latent_size=6, channels=channels)
    names = ["cat", "dog", "7"][:classes]
    return Trained(generator(spec, 8).requires_grad_(False), names)


def test_a_class_is_drawn_from_the_seed_unless_it_is_named() -> None:
    made = trained()
    own = seeds.labels(made.generator, [4])
    assert own is not None
    images = np.asarray(answer(made, [4, 4, 4, 4], [None, "cat", "dog", "7"]))
    assert (images[0] == images[1 + int(own)]).all()
    assert len(np.unique(images.reshape(4, -1), axis=0)) == 3
    assert np.shape(answer(made, [], [])) == (0, 8, 8, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_holds_the_pixels_of_the_array(channels: int) -> None:
    made = trained(0, channels)
    images = answer(made, [0, 1 << 63], [None, None])
    for text, image in zip(answer(made, [0, 1 << 63], [None, None], "png"), images, strict=True):
        with Image.open(io.BytesIO(base64.b64decode(text)), formats=["PNG"]) as picture:
            assert (np.asarray(picture).reshape(8, 8, channels) == image).all()


def test_what_is_no_seed_class_or_form_is_named() -> None:
    with pytest.raises(UsageError, match="seed: -2 is not from 0"):
        answer(trained(), [1, -2], [None, None])
    with pytest.raises(UsageError, match="class 'fox': this generator has cat, dog, 7"):
        answer(trained(), [1], ["fox"])
    with pytest.raises(UsageError, match="trained without classes"):
        answer(trained(0), [1], ["cat"])
    with pytest.raises(UsageError, match="'gif' is neither array nor png"):
        answer(trained(), [1], [None], "gif")
