"""Images by seed: one seed, one image; walks that close; who is drawn among whom."""

import numpy as np
import pytest
import torch
from specs import network_spec
from tinynets import generator

from pgpipe import rng
from pgpipe.drawing import seeds, walks
from pgpipe.errors import UsageError
from pgpipe.gan.generator import Generator
from pgpipe.images import Images


def net(norm: str = "pixel", classes: int = 0) -> Generator:
    spec = network_spec(generator_norm=norm, tanh=True, classes=classes, latent_size=6)
    return generator(spec, 8).requires_grad_(False)


def of_seeds(made: Generator, chosen: list[int]) -> Images:
    z, labels = seeds.latents(made, chosen), seeds.labels(made, chosen)
    return np.concatenate(list(seeds.draw(made, z, labels)))


@pytest.mark.parametrize(
    ("text", "found"), [("7", [7]), ("0-3,42", [0, 1, 2, 3, 42]), (" 5 , 2-2", [5, 2])]
)
def test_seeds_and_ranges(text: str, found: list[int]) -> None:
    assert seeds.parse(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "a", "3-", "-3", "5-2", "1.5", "0-9999999999", "²", f"{1 << 64}", "1,,2", "9" * 5000],
)
def test_what_is_no_list_of_seeds_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--seeds"):
        seeds.parse(text)


@pytest.mark.parametrize("norm", ["pixel", "batch"])
@pytest.mark.parametrize("classes", [0, 3])
def test_a_seed_is_the_same_image_whatever_it_is_drawn_with(norm: str, classes: int) -> None:
    made = net(norm, classes)
    alone, among = of_seeds(made, [42]), of_seeds(made, [*range(40), 42])
    assert abs(alone[0].astype(int) - among[-1]).max() <= 1
    assert len(np.unique(among.reshape(41, -1), axis=0)) == 41


def test_latents_and_labels_are_functions_of_the_seed() -> None:
    made = net(classes=3)
    expected = rng.normal((6,), rng.key(9, "latent", 0))
    assert seeds.latents(made, [4, 9])[1].equal(expected)
    labels = seeds.labels(made, range(300))
    assert labels is not None
    assert set(labels.tolist()) == {0, 1, 2}
    assert seeds.labels(net(), [1]) is None


def test_a_tour_passes_the_seeds_and_closes() -> None:
    made = net()
    z = seeds.latents(made, [1, 2, 3])
    tour = walks.tour(network_spec(), z, frames=10, cells=2)
    assert tour.shape == (30, 2, 6)
    unit = torch.nn.functional.normalize
    for cell, order in enumerate(([0, 1, 2], [1, 2, 0])):
        passed = tour[::10, cell]
        torch.testing.assert_close(unit(passed), unit(z[order]))
    turns = (unit(tour, dim=2) * unit(tour.roll(-1, 0), dim=2)).sum(2).clamp(-1, 1).acos()
    for leg in range(3):
        steps = turns[10 * leg : 10 * leg + 10, 0]
        torch.testing.assert_close(steps, steps.mean().expand(10), atol=1e-3, rtol=0)


def test_a_random_walk_is_smooth_closed_and_of_the_right_length() -> None:
    made = net()
    walk = walks.random_walk(made, 0, 96, 3)
    assert walk.shape == (96, 3, 6)
    torch.testing.assert_close(walk.square().mean(2), torch.ones(96, 3))
    steps = (walk - walk.roll(-1, 0)).norm(dim=2)
    far = (walk - walk.roll(-48, 0)).norm(dim=2)
    assert steps.max() < 0.5 * far.mean(), "the step from the last frame to the first, too"
    # The literal sum over a circle of frames.
    noise = rng.normal((96, 18), rng.key(0, "walk", 0)).double().numpy()
    distance = np.minimum(np.arange(96), 96 - np.arange(96))
    kernel = np.exp(-0.5 * (distance / 12) ** 2)
    literal = np.array([sum(kernel[n - m] * noise[m] for m in range(96)) for n in range(96)])
    literal = literal.reshape(96, 3, 6)
    literal /= np.sqrt((literal**2).mean(2, keepdims=True))
    np.testing.assert_allclose(walk.numpy(), literal, atol=1e-5)


def test_classes_change_into_one_another_and_back() -> None:
    shares = walks.lines(torch.eye(3)[[2, 0]], 4)
    assert shares[0].tolist() == [0, 0, 1]
    assert shares[2].tolist() == [0.5, 0, 0.5]
    assert shares[4].tolist() == [1, 0, 0]
    assert shares[7].tolist() == [0.25, 0, 0.75]


def test_a_whole_share_is_the_class() -> None:
    made, z = net(classes=3), seeds.latents(net(), [0, 1])
    labels = torch.tensor([2, 0])
    assert made(z, labels).equal(made(z, torch.eye(3)[labels]))


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("numbers", [[], [1, 0, 2]])
@pytest.mark.parametrize("classes", [0, 3])
def test_frames_of_a_walk(classes: int, numbers: list[int], smooth: bool) -> None:
    made = net(classes=classes)
    stops, labels = seeds.latents(made, [0, 1, 2]), seeds.labels(made, [0, 1, 2])
    shares = seeds.shares(made, labels)
    through = torch.eye(classes)[numbers] if classes and numbers else None
    asked = walks.Asked(stops, shares, through, 0 if smooth else None, 3, 2)
    frames = list(walks.pictures(made, asked, 2))
    assert len(frames) == walks.length(asked) == 9
    assert {frame.shape for frame in frames} == {(128, 256, 3)}
    assert len({frame.tobytes() for frame in frames}) == len(frames)
