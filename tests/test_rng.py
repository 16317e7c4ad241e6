"""Counter-based random numbers against the published algorithm, in Python's own integers."""

import math
import zlib

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from pgpipe import rng

WRAP = 1 << 64
SEEDS = [0, 1, 1234567, 2**31, 2**63, WRAP - 1]

# The first outputs of SplitMix64 for seed 1234567, as published with Vigna's C code.
KNOWN = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def literal_mix(z: int) -> int:
    """The output function of SplitMix64, without wrapping by accident."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WRAP
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WRAP
    return z ^ (z >> 31)


def literal_outputs(seed: int, count: int) -> list[int]:
    """SplitMix64 as its paper has it: a state that grows by a constant."""
    out, state = [], seed
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % WRAP
        out.append(literal_mix(state))
    return out


def literal_key(seed: int, stream: str, step: int) -> int:
    root = (literal_mix(seed % WRAP) + zlib.crc32(stream.encode())) % WRAP
    return literal_mix((literal_mix(root) + step * 0x9E3779B97F4A7C15) % WRAP)


def unsigned(values: Tensor) -> list[int]:
    return [value % WRAP for value in values.flatten().tolist()]


def key(step: int = 0) -> Tensor:
    return rng.key(7, "test", step)


def test_split_mix_gives_the_published_outputs() -> None:
    assert unsigned(rng.split_mix(torch.tensor(1234567), 5)) == KNOWN


@pytest.mark.parametrize("seed", SEEDS)
def test_split_mix_equals_python_integers(seed: int) -> None:
    outputs = rng.split_mix(torch.tensor(rng.signed(seed)), 300)
    assert unsigned(outputs) == literal_outputs(seed, 300)


@pytest.mark.parametrize("value", [0, 1, 2**63 - 1, 2**63, 2**63 + 1, WRAP - 1, WRAP, 3 * WRAP + 5])
def test_signed_keeps_the_bits(value: int) -> None:
    assert rng.signed(value) % WRAP == value % WRAP
    assert -(2**63) <= rng.signed(value) < 2**63


@pytest.mark.parametrize("bits", [1, 27, 30, 31, 32, 40, 63])
def test_shift_is_logical(bits: int) -> None:
    values = [0, 1, 2**62, 2**63 - 1, 2**63, 2**63 + 12345, WRAP - 1]
    shifted = rng.shifted(torch.tensor([rng.signed(v) for v in values]), bits)
    assert shifted.tolist() == [v >> bits for v in values]


@pytest.mark.parametrize("seed", [0, 5, 2**32 - 1])
@pytest.mark.parametrize("step", [0, 1, 16, 2**31, 10**9])
def test_key_equals_python_integers(seed: int, step: int) -> None:
    assert unsigned(rng.key(seed, "latents d", step)) == [literal_key(seed, "latents d", step)]


def test_step_as_tensor_is_the_step_as_number() -> None:
    for step in (0, 1, 12345, 19_000_000):
        assert rng.key(3, "s", torch.tensor(step)).equal(rng.key(3, "s", step))


def test_same_key_gives_the_same_numbers() -> None:
    assert rng.normal((5, 3), key()).equal(rng.normal((5, 3), key()))
    assert rng.uniform((5, 3), key()).equal(rng.uniform((5, 3), key()))


def test_drawing_changes_no_later_draw_and_no_global_state() -> None:
    state = torch.get_rng_state()
    first = rng.uniform((9,), key(1))
    rng.normal((100,), key(0))
    assert rng.uniform((9,), key(1)).equal(first)
    assert torch.get_rng_state().equal(state)


@pytest.mark.parametrize("other", [(8, "test", 0), (7, "tests", 0), (7, "test", 1)])
def test_another_seed_stream_or_step_gives_other_numbers(other: tuple[int, str, int]) -> None:
    ours, theirs = rng.uniform((1000,), key()), rng.uniform((1000,), rng.key(*other))
    assert (ours == theirs).sum() < 3
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 0.1


def test_seed_and_step_are_not_interchangeable() -> None:
    keys = {int(rng.key(seed, "s", step)) for seed in range(40) for step in range(40)}
    assert len(keys) == 1600


def test_streams_of_the_project_have_their_own_keys() -> None:
    streams = ["latents d", "latents g", "mixing", "mirror", "labels g", "epoch", "preview"]
    assert len({int(rng.key(0, stream, 0)) for stream in streams}) == len(streams)


@pytest.mark.parametrize("skip", [0, 1, 7, 64, 1000])
def test_skip_is_a_slice_of_one_long_draw(skip: int) -> None:
    whole = rng.split_mix(key(), 1100)
    assert rng.split_mix(key(), 100, skip).equal(whole[skip : skip + 100])
    numbers = rng.integers(10, (1100,), key())
    assert rng.integers(10, (100,), key(), skip).equal(numbers[skip : skip + 100])


def test_a_shape_is_a_view_of_a_flat_draw() -> None:
    assert rng.uniform((2, 3, 4), key()).flatten().equal(rng.uniform((24,), key()))
    assert rng.integers(9, (2, 3, 4), key()).flatten().equal(rng.integers(9, (24,), key()))
    assert rng.normal((2, 3, 4), key()).flatten().equal(rng.normal((24,), key()))


def test_uniform_is_the_top_24_bits() -> None:
    expected = [x >> 40 for x in literal_outputs(literal_key(7, "test", 0), 500)]
    assert (rng.uniform((500,), key()) * 2**24).tolist() == expected


def test_uniform_lies_in_0_to_1_on_multiples_of_2_to_the_minus_24() -> None:
    values = rng.uniform((100_000,), key())
    assert values.dtype == torch.float32
    assert values.min() >= 0
    assert values.max() < 1
    assert (values * 2**24).frac().eq(0).all()


def test_uniform_is_uniform() -> None:
    values = rng.uniform((200_000,), key()).numpy()
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_normal_is_box_and_muller_of_the_hashes_halves() -> None:
    count = 101  # odd: the last pair gives one number
    pairs = literal_outputs(literal_key(7, "test", 0), 51)
    radii = [math.sqrt(-2 * math.log(((x >> 32) + 0.5) / 2**32)) for x in pairs]
    angles = [2 * math.pi * (x % 2**32) / 2**32 for x in pairs]
    cosines = [r * math.cos(a) for r, a in zip(radii, angles, strict=True)]
    sines = [r * math.sin(a) for r, a in zip(radii, angles, strict=True)]
    expected = np.array((cosines + sines)[:count])
    np.testing.assert_allclose(rng.normal((count,), key()), expected, rtol=1e-6, atol=1e-7)


def test_normal_has_the_moments_of_the_normal_distribution() -> None:
    count = 400_000
    values = rng.normal((count,), key()).double().numpy()
    # mean, variance, skewness, excess kurtosis: each within 4 of its standard errors
    errors = np.sqrt(np.array([1, 2, 6, 24]) / count)
    moments = [values.mean(), values.var() - 1, stats.skew(values), stats.kurtosis(values)]
    assert (np.abs(moments) < 4 * errors).all()


def test_normal_passes_kolmogorov_and_smirnov() -> None:
    draws = [rng.normal((10_000,), rng.key(seed, "ks", 0)).numpy() for seed in range(50)]
    # fifty such tests: their p-values have to be uniform, not only not too small
    assert stats.kstest([stats.kstest(d, "norm").pvalue for d in draws], "uniform").pvalue > 0.01


def test_both_numbers_of_a_pair_are_independent() -> None:
    first, second = rng.normal((2, 100_000), key()).double()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.015
    assert abs(np.corrcoef(first.square(), second.square())[0, 1]) < 0.015


def test_normal_is_finite_for_the_extreme_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    extremes = torch.tensor([0, -1, 2**63 - 1, -(2**63), 0xFFFFFFFF, -(1 << 32)])
    monkeypatch.setattr(rng, "split_mix", lambda seed, count: extremes[:count])
    values = rng.normal((12,), key())
    assert values.isfinite().all()
    assert values.abs().max() == pytest.approx(math.sqrt(2 * 33 * math.log(2)))


def test_draws_of_consecutive_steps_are_uncorrelated() -> None:
    draws = torch.stack([rng.normal((2000,), key(step)) for step in range(0, 160, 8)])
    correlations = np.corrcoef(draws) - np.eye(20)
    assert np.abs(correlations).max() < 5 / math.sqrt(2000)


@pytest.mark.parametrize("count", [1, 2, 50, 10_000])
def test_permutation_is_one(count: int) -> None:
    order = rng.permutation(count, key())
    assert order.dtype == torch.int64
    assert sorted(order.tolist()) == list(range(count))


def test_permutation_is_the_order_of_the_hashes() -> None:
    hashes = [rng.signed(x) for x in literal_outputs(literal_key(7, "test", 0), 100)]
    assert rng.permutation(100, key()).tolist() == sorted(range(100), key=hashes.__getitem__)


def test_permutations_of_three_are_equally_frequent() -> None:
    orders = [tuple(rng.permutation(3, key(step)).tolist()) for step in range(3000)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("high", [1, 2, 3, 10, 1000, 2**31])
def test_integers_lie_in_range(high: int) -> None:
    values = rng.integers(high, (20_000,), key())
    assert values.dtype == torch.int64
    assert values.min() >= 0
    assert values.max() < high


def test_integers_are_the_scaled_upper_half_of_the_hash() -> None:
    expected = [(x >> 32) * 1000 >> 32 for x in literal_outputs(literal_key(7, "test", 0), 500)]
    assert rng.integers(1000, (500,), key()).tolist() == expected


@pytest.mark.parametrize("high", [2, 10, 37])
def test_integers_are_uniform(high: int) -> None:
    draws = [rng.integers(high, (20_000,), key(step)) for step in range(100)]
    counts = [torch.bincount(draw, minlength=high).numpy() for draw in draws]
    # a hundred chi-square tests: their p-values have to be uniform, not only not too small
    assert stats.kstest(stats.chisquare(counts, axis=1).pvalue, "uniform").pvalue > 0.01
