"""Latents of both kinds: what they are drawn from, and what lies between and near them."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from specs import network_spec

from pgpipe import rng
from pgpipe.gan import latents

KEY = rng.key(5, "z", 0)


def spec(kind: str, size: int = 6):  # type: ignore[no-untyped-def]
    return network_spec(latents=kind, latent_size=size)


def test_they_are_drawn_from_what_they_are_called() -> None:
    normal, uniform = (latents.draw(spec(k, 50), 400, KEY) for k in ("normal", "uniform"))
    assert normal.equal(rng.normal((400, 50), KEY))
    assert stats.kstest(uniform.flatten().numpy(), stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert uniform.abs().max() <= 1


def test_normal_ones_go_along_great_circles_and_uniform_ones_straight() -> None:
    ends = latents.draw(spec("uniform"), 3, KEY)
    straight = latents.path(spec("uniform"), ends, 5)
    points = ends.numpy()
    expected = np.concatenate([np.linspace(points[n], points[n + 1], 5) for n in range(2)])
    np.testing.assert_allclose(straight, expected, atol=1e-6)
    round_ = latents.path(spec("normal"), ends, 5)
    of_ends = [float(np.linalg.norm(point)) for point in points]
    lengths = [np.linspace(of_ends[n], of_ends[n + 1], 5) for n in range(2)]
    np.testing.assert_allclose(round_.norm(dim=1), np.concatenate(lengths), rtol=1e-5)
    torch.testing.assert_close(round_[[0, 4, 9]], ends)
    turn = torch.nn.functional.cosine_similarity(round_[:4], round_[1:5]).acos()
    torch.testing.assert_close(turn, turn[:1].expand(4), rtol=1e-3, atol=1e-3)
    still = latents.path(spec("normal"), ends[[1, 1]], 3)
    torch.testing.assert_close(still, round_[5].expand(3, -1))


def test_a_search_is_brought_back() -> None:
    z = torch.tensor([[3.0, -0.5, 0.25]])
    assert latents.brought_back(spec("uniform", 3), z).tolist() == [[1.0, -0.5, 0.25]]
    assert latents.brought_back(spec("normal", 3), z).norm().item() == pytest.approx(math.sqrt(3))


def test_smooth_noise_is_spread_as_latents_are() -> None:
    noise = 7 * rng.normal((200, 3, 64), KEY).double()
    uniform = latents.from_smooth(spec("uniform", 64), noise)
    assert stats.kstest(uniform.flatten().numpy(), stats.uniform(-1, 2).cdf).pvalue > 1e-3
    lengths = latents.from_smooth(spec("normal", 64), noise).square().mean(dim=2)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))
