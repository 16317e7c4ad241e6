"""The Inception network without its weight file: names, shapes, and a pass written out by hand."""

import numpy as np
import pytest
import torch
from literal import inception as literal

from pgpipe.metrics import features
from pgpipe.metrics.inception_v3 import InceptionV3, load, resize

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
LEARNED = 23_834_568 + 8 * (2048 + 1)  # as published for 1000 classes; eight more have logits here

Weights = literal.Weights


@pytest.fixture(scope="module")
def weights() -> Weights:
    return literal.generated(0)


@pytest.fixture(scope="module")
def net(weights: Weights) -> InceptionV3:
    return load(literal.file_of(weights), CPU)


def images(count: int, side: int, channels: int = 3) -> np.ndarray:
    shape = (count, side, side, channels)
    return np.random.default_rng(side).integers(0, 256, shape, dtype=np.uint8)


# The weight file


def test_state_has_the_names_and_shapes_of_the_public_file() -> None:
    with torch.device("meta"):
        state = InceptionV3().state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == literal.shapes()
    assert len(state) == 566


def test_as_many_numbers_are_learned_as_published() -> None:
    with torch.device("meta"):
        net = InceptionV3()
    assert sum(parameter.numel() for parameter in net.parameters()) == LEARNED


def test_loaded_network_is_the_files_and_learns_nothing(net: InceptionV3, weights: Weights) -> None:
    state = net.state_dict()
    assert all(torch.equal(state[name], weights[name]) for name in weights)
    assert not net.training
    assert not [p for p in net.parameters() if p.requires_grad]


# The forward pass


def test_features_and_logits_are_those_of_the_pass_by_hand(
    net: InceptionV3, weights: Weights
) -> None:
    some = images(1, 40)
    wanted, logits = literal.Literal(weights)(some)
    found = features.of(net, [some])
    assert wanted.std() > 0.1
    torch.testing.assert_close(found.pooled, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(net.logits(wanted), logits)
    torch.testing.assert_close(found.probabilities, logits.softmax(1), rtol=1e-3, atol=1e-6)


def test_no_feature_depends_on_the_batch_and_gray_is_repeated(net: InceptionV3) -> None:
    gray = images(3, 16, 1)
    whole = features.of(net, [gray.repeat(3, axis=3)])
    parts = features.of(net, [gray[:1], gray[1:]])
    assert whole.pooled.shape == (3, 2048)
    torch.testing.assert_close(parts.pooled, whole.pooled, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(parts.probabilities.sum(1), torch.ones(3))


# The resize


@pytest.mark.parametrize(
    ("side", "size"), [(3, 7), (32, 299), (13, 299), (7, 3), (128, 60), (1, 4)]
)
def test_resize_is_that_of_the_graph(side: int, size: int) -> None:
    image = np.random.default_rng(side).uniform(0, 255, (side, side))
    found = resize(torch.from_numpy(image)[None, None].float(), size)[0, 0]
    wanted = torch.from_numpy(literal.resized(image, size)).float()
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-2)


def test_resize_to_the_same_size_changes_nothing() -> None:
    x = torch.rand(2, 3, 299, 299)
    assert torch.equal(resize(x, 299), x)


def test_resize_has_no_half_pixel_centres_and_no_antialiasing() -> None:
    """Every second pixel when halving, not the mean of two."""
    x = torch.arange(8.0).expand(1, 1, 8, 8)
    assert resize(x, 4)[0, 0, 0].tolist() == [0, 2, 4, 6]
