"""Fully connected networks against numpy: rectifiers and tanh in G, maxout and dropout in D."""

import numpy as np
import pytest
import torch
from literal.networks import Literal
from specs import MLP, network_spec
from tinynets import discriminator, generator, latents, pictures

from pgpipe import rng
from pgpipe.gan import weights
from pgpipe.gan.mlp import MlpDiscriminator

KEY = rng.key(0, "dropout", 0)


class LiteralMlp(Literal):
    def generator(self, z: np.ndarray, labels: list[int] | None, size: int) -> np.ndarray:
        x = self.joined(z, labels)
        for name in ("blocks.4.0", "blocks.4.2"):
            x = np.maximum(self.dense(x, name), 0)
        return np.tanh(self.dense(x, f"to_rgb.{size}.dense")).reshape(len(z), -1, size, size)

    def discriminator(self, images: np.ndarray, kept: tuple[float, ...] = (1, 1, 1)) -> np.ndarray:
        x = images.reshape(len(images), -1)
        for number, name in enumerate(("first", "second", "score")):
            chance = rng.uniform(x.shape, rng.mix(KEY + number)).numpy()
            x = np.where(chance >= 1 - kept[number], x / kept[number], 0)
            x = self.dense(x, f"blocks.4.{name}")
            if name != "score":
                x = np.stack([x[:, piece::5] for piece in range(5)]).max(axis=0)
        return x


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(("resolution", "classes"), [(4, 0), (8, 3)])
def test_networks_equal_numpy(resolution: int, classes: int) -> None:
    spec = network_spec(**MLP, classes=classes, discriminator_divisor=2)
    G, D = generator(spec, resolution), discriminator(spec, resolution)
    z, images = latents(6), pictures(6, resolution)
    labels = [0, 1, 2, 0, 1, 2] if classes else None
    drawn = G(z, None if labels is None else torch.tensor(labels)).detach()
    expected = LiteralMlp(G, spec).generator(z.numpy(), labels, resolution)
    np.testing.assert_allclose(drawn, expected, rtol=1e-9, atol=1e-12)
    literal = LiteralMlp(D, spec)
    out = torch.cat([D(images)[0][:, None], D(images)[1]], dim=1).detach()
    np.testing.assert_allclose(out, literal.discriminator(images.numpy()), rtol=1e-9, atol=1e-12)
    with D.dropout(KEY, lambda draw: draw(6)):
        dropped = D(images)[0].detach()
    wanted = literal.discriminator(images.numpy(), (0.8, 0.5, 0.5))[:, 0]
    np.testing.assert_allclose(dropped, wanted, rtol=1e-9, atol=1e-12)
    assert D(images)[0].detach().equal(out[:, 0]), "nothing is dropped outside of the block"


def test_what_is_dropped_is_the_same_for_an_image_in_whatever_micro_batch() -> None:
    D = discriminator(network_spec(**MLP), 8)
    assert isinstance(D, MlpDiscriminator)
    images, rows = pictures(6, 8), torch.tensor([4, 1])
    with D.dropout(KEY, lambda draw: draw(6)):
        whole = D(images)[0]
    with D.dropout(KEY, lambda draw: draw(6)[rows]):
        torch.testing.assert_close(D(images[rows])[0], whole[rows])


def test_first_weights_have_the_spread_of_the_released_code() -> None:
    spec = network_spec(**MLP, fmap_base=512, fmap_max=256, latent_size=50)
    drawn = weights.initial(spec, 16, 0)
    spreads = {n: w.std().item() for n, w in drawn.items() if n.endswith("weight")}
    assert spreads["generator.blocks.4.0.weight"] == pytest.approx(0.1 / 12**0.5, rel=0.03)
    assert spreads["discriminator.blocks.4.first.weight"] == pytest.approx(0.01 / 12**0.5, rel=0.03)
