"""Directions in closed form, and the latents of photographs."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from specs import CODER, network_spec
from tinynets import discriminator, generator

from pgpipe.drawing import directions, latents, projecting, seeds, walks
from pgpipe.drawing.projecting import Opened
from pgpipe.drawing.trained import Trained
from pgpipe.errors import IntegrityError, UsageError
from pgpipe.gan.generator import Generator
from pgpipe.gan.layers import Seed4x4
from pgpipe.images import Images, write_png


def net(classes: int = 0, **changes: object) -> Generator:
    spec = network_spec(classes=classes, latent_size=6, **changes)
    return generator(spec, 8).requires_grad_(False)


# Directions


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("equalised", [True, False])
def test_directions_are_what_the_first_layer_changes_most(classes: int, equalised: bool) -> None:
    """By the singular vectors of the matrix that the layer is, seen at unit latents."""
    made = net(classes, equalised_lr=equalised)
    layer = next(m for m in made.modules() if isinstance(m, Seed4x4))
    seen = layer(torch.eye(6 + classes)) - layer(torch.zeros(1, 6 + classes))
    matrix = seen[:6].flatten(1).double().numpy()  # a row per number of the latent
    left, singular, _ = np.linalg.svd(matrix)
    found = directions.directions(made, 4).double().numpy()
    np.testing.assert_allclose(np.linalg.norm(found @ matrix, axis=1), singular[:4], rtol=1e-5)
    np.testing.assert_allclose(abs((found * left[:, :4].T).sum(1)), 1, atol=1e-4)
    assert (found.max(1) == abs(found).max(1)).all()
    with pytest.raises(UsageError, match="7 directions of a latent of 6 numbers"):
        directions.directions(made, 7)


def test_the_middle_of_a_strip_is_the_seed_itself() -> None:
    made, chosen = net(3), [4, 9]
    z, labels = seeds.latents(made, chosen), seeds.labels(made, chosen)
    found = directions.directions(made, 2)
    strips = list(directions.strips(made, found, z, labels, 5, 0.8))
    assert [strip.shape for strip in strips] == [(5, 8, 8, 3)] * 4
    own = np.concatenate(list(seeds.draw(made, z, labels)))
    for n, strip in enumerate(strips):
        assert abs(strip[2].astype(int) - own[n % 2]).max() <= 1
        assert (strip[0] != strip[4]).any()
    assert labels is not None
    end = z[1] - 0.8 * z[1].norm() * found[1]
    ends = next(iter(seeds.draw(made, end[None], labels[1:])))
    assert abs(strips[3][0].astype(int) - ends[0]).max() <= 1


# Latents of photographs


def drawn(made: Generator, seed: int) -> Images:
    z, labels = seeds.latents(made, [seed]), seeds.labels(made, [seed])
    image: Images = next(iter(seeds.draw(made, z, labels)))[0]
    return image


def test_the_distance_is_that_of_pixels_at_every_scale_and_of_features() -> None:
    made, D = net(), discriminator(network_spec(latent_size=6), 8).requires_grad_(False)
    images = torch.randn(3, 3, 8, 8)
    target, ours = images[:1], images[1:]
    by_pixels = np.zeros(2)
    a, b = ours.double().numpy(), target.double().numpy()
    for side in (8, 4):
        shape = (-1, 3, side, 8 // side, side, 8 // side)
        small, aim = (x.reshape(shape).mean((3, 5)) for x in (a, b))
        by_pixels += ((small - aim) ** 2).mean((1, 2, 3))
    found = projecting.distance_to(target, None)(ours)
    np.testing.assert_allclose(found.numpy(), by_pixels, rtol=1e-5)
    features = D.down_to_4x4(images, None).flatten(1).double().numpy()
    unlike = ((features[1:] - features[0]) ** 2).mean(1) / (features[0] ** 2).mean()
    found = projecting.distance_to(target, D)(ours)
    np.testing.assert_allclose(found.numpy(), by_pixels + 0.1 * unlike, rtol=1e-5)
    assert made.resolution == 8


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("norm", ["latent", "none"])
def test_an_image_of_the_generator_is_found_again(classes: int, norm: str) -> None:
    """Of a seed that is none of the latents that are tried first."""
    made = net(classes, latent_norm=norm)
    opened, aim, steps = Opened(Trained(made, []), None), drawn(made, 10_000), list[int]()
    found = projecting.project(opened, aim, None, 4, 150, steps.append)
    first = seeds.latents(made, range(projecting.TRIED))
    labels = seeds.labels(made, range(projecting.TRIED))
    others = np.concatenate(list(seeds.draw(made, first, labels))).astype(float)
    nearest = np.sqrt(((others - aim) ** 2).mean((1, 2, 3))).min()
    assert found.error < nearest / 2
    label = None if found.label is None else torch.tensor([found.label])
    image = next(iter(seeds.draw(made, found.latent[None], label)))[0].astype(float)
    assert math.sqrt(((image - aim) ** 2).mean()) == pytest.approx(found.error, abs=0.6)
    assert (found.label is None) == (classes == 0)
    assert steps == [*range(1, 151)]
    torch.testing.assert_close(found.way.norm(dim=1), torch.full((40,), 6**0.5))
    assert found.way[-1].equal(found.latent)


def test_a_class_that_is_asked_for_is_kept() -> None:
    made = net(3)
    opened = Opened(Trained(made, ["a", "b", "c"]), None)
    found = projecting.project(opened, drawn(made, 1), 2, 2, 3, lambda _: None)
    assert found.label == 2


def test_results_are_written_and_a_latent_is_read_again(tmp_path: Path) -> None:
    made = net(3)
    trained = Trained(made, ["a", "b", "c"])
    aim = drawn(made, 5)
    found = projecting.project(Opened(trained, None), aim, 1, 2, 3, lambda _: None)
    latents.write(tmp_path, "me", found, aim, trained)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["me.json", "me.png", "me.webp"]
    z, labels = latents.read([tmp_path / "me.json"] * 2, trained)
    assert z.equal(torch.stack([found.latent] * 2))
    assert labels is not None
    assert labels.tolist() == [1, 1]
    for other in (net(), net(1), net(3, latent_norm="none")):
        if other.spec.classes != 3:
            with pytest.raises(UsageError, match=r"me\.json: the latent of another generator"):
                latents.read([tmp_path / "me.json"], Trained(other, []))
    content = json.loads((tmp_path / "me.json").read_text())
    wrong: list[tuple[object, type[Exception], str]] = [
        ({**content, "latent": [1.0] * 5}, UsageError, "of another generator"),
        ({**content, "latent": ["a"]}, UsageError, r"me\.json: latent"),
        ([], UsageError, "no latent of"),
    ]
    for value, error, told in wrong:
        (tmp_path / "me.json").write_text(json.dumps(value))
        with pytest.raises(error, match=told):
            latents.read([tmp_path / "me.json"], trained)
    (tmp_path / "me.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"me\.json: not a readable JSON"):
        latents.read([tmp_path / "me.json"], trained)
    with pytest.raises(UsageError, match=r"none\.json: not found$"):
        latents.read([tmp_path / "none.json"], trained)


def test_names_that_would_be_one_file_are_refused() -> None:
    assert latents.names_of([Path("a/x.png"), Path("y.jpg")]) == ["x", "y"]
    with pytest.raises(UsageError, match="x: two of the images"):
        latents.names_of([Path("a/x.png"), Path("b/x.jpg")])


# Photographs by their codes


class Coder(torch.nn.Module):
    """Encodes all images as one latent."""

    def __init__(self, code: torch.Tensor) -> None:
        super().__init__()
        self.code = torch.nn.Parameter(code, requires_grad=False)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean = self.code.expand(len(images), -1)
        return mean, mean


def coded(scale: float) -> tuple[Trained, torch.Tensor]:
    """A decoder whose encoder knows a code of another length than latents have."""
    spec = network_spec(**{**CODER, "latent_size": 6})
    code = scale * torch.ones(6)
    return Trained(generator(spec, 8).requires_grad_(False), [], Coder(code)), code


def test_a_photograph_s_code_starts_the_descent_and_keeps_its_length() -> None:
    trained, code = coded(3.0)
    aim = next(iter(seeds.draw(trained.generator, code[None], None)))[0]
    found = projecting.project(Opened(trained, None), aim, None, 2, 1, lambda _: None)
    torch.testing.assert_close(found.way[0], code)
    assert found.error < 12
    alone = projecting.project(
        Opened(Trained(trained.generator, []), None), aim, None, 2, 1, lambda _: None
    )
    assert found.error < alone.error / 2


def test_a_walk_between_photographs_goes_along_lines_between_their_codes(tmp_path: Path) -> None:
    trained, code = coded(3.0)
    write_png(tmp_path / "a.png", drawn(trained.generator, 1))
    (tmp_path / "b.json").write_text(json.dumps({"latent": [1.0] * 6, "label": None, "error": 0}))
    files = [tmp_path / "a.png", tmp_path / "b.json"]
    z, labels = latents.read(files, trained)
    assert labels is None
    torch.testing.assert_close(z, torch.stack([code, torch.ones(6)]))
    asked = walks.Asked(z, None, None, None, 2, 1, straight=True)
    frames = list(walks.pictures(trained.generator, asked, 1))
    expected = torch.outer(torch.tensor([3.0, 2.0, 1.0, 2.0]), torch.ones(6))
    wanted = np.concatenate(list(seeds.draw(trained.generator, expected, None)))
    for frame, image in zip(frames, wanted, strict=True):
        np.testing.assert_array_equal(frame[::16, ::16], image)
    with pytest.raises(UsageError, match=r"a\.png: a vae encodes no photographs; `pgpipe project"):
        latents.read(files[:1], Trained(trained.generator, []))
