"""SWD against tests/literal, which shares no code with it, and what must hold of any such distance.

`benchmarks.literal` tells the literal one the same patch corners and the same directions.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from imagesets import CPU, noise, smooth, stream, windows
from literal import swd as literal_swd
from torch import Tensor

from benchmarks import literal
from benchmarks.pictures import Windows
from benchmarks.process import measured
from pgpipe import rng
from pgpipe.images import Images
from pgpipe.metrics import streams, swd
from pgpipe.metrics.patches import PATCH, PATCHES, SMALLEST, Descriptors, describe, patches
from pgpipe.metrics.pyramid import down, laplacian, up

SEED = 3
COUNT = 16
MEMORY = 1 << 30
Maker = Callable[[int, int, int], Images]  # count, size, seed -> uint8 [count, size, size, 3]


def distances(reals: Images, fakes: Images, batch: int = 1000) -> dict[int, float]:
    return swd.swd(stream(reals, batch), stream(fakes, batch), SEED, CPU)


@pytest.mark.slow
@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize(
    ("of_reals", "of_fakes"),
    [(noise, noise), (smooth, smooth), (windows, windows), (windows, smooth), (smooth, noise)],
)
def test_agrees_with_the_literal_one_level_by_level(
    of_reals: Maker, of_fakes: Maker, size: int
) -> None:
    reals, fakes = of_reals(COUNT, size, 1), of_fakes(COUNT, size, 2)
    found = distances(reals, fakes)
    assert list(found) == [r for r in (64, 32, 16) if r <= size]
    np.testing.assert_allclose(list(found.values()), literal.swd(reals, fakes, SEED), rtol=2e-4)


@pytest.mark.parametrize("make", [noise, smooth, windows])
def test_agrees_with_the_literal_one_where_the_sets_are_alike(make: Maker) -> None:
    reals = make(COUNT, 32, 1)
    fakes = np.clip(reals.astype(np.int64) + (noise(COUNT, 32, 2) // 64) - 2, 0, 255)
    fakes = fakes.astype(np.uint8)
    found = list(distances(reals, fakes).values())
    np.testing.assert_allclose(found, literal.swd(reals, fakes, SEED), rtol=1e-3)


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("make", [noise, smooth, windows])
def test_pyramid_agrees_with_the_literal_one(make: Maker, size: int) -> None:
    images = make(3, size, 4)
    theirs = literal_swd.laplacian_pyramid(images, size.bit_length() - 4)
    ours = laplacian(torch.from_numpy(images).float(), SMALLEST)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.numpy(), other, atol=1e-4)


def test_a_flat_image_has_no_residual() -> None:
    *residuals, last = laplacian(torch.full((1, 64, 64, 3), 201.0), SMALLEST)
    assert [level.shape for level in residuals] == [(1, 64, 64, 3), (1, 32, 32, 3)]
    assert not any(level.any() for level in residuals)
    assert (last == 201).all()


def described(images: Images, name: str = "real", memory: int = 0) -> dict[int, Descriptors]:
    return describe(stream(images), name, SEED, CPU, memory)


def points(x: Tensor) -> Descriptors:
    """Descriptors [n * 128, 147] as they are: with sums of mean 0 and deviation 1."""
    found = Descriptors(rng.key(SEED, "test", 0), MEMORY)
    found.store.append(x)
    found.numbers.extend(found.images * (3 * [0.0] + 3 * [1.0 * PATCHES * PATCH * PATCH]))
    return found


def cut_apart(images: Images, level: int, name: str) -> Tensor:
    """The patches of one level, from a pyramid that is built for this level alone: [M, 147]."""
    x = torch.from_numpy(images).float()
    while x.shape[1] > level:
        x = down(x)
    x = x - up(down(x)) if level > SMALLEST else x
    return patches(x, rng.key(SEED, f"patches {name} {level}", 0), 0)


@pytest.mark.parametrize("memory", [0, 1 << 30])
@pytest.mark.parametrize("batch", [3, 16])
def test_all_levels_from_one_read_are_to_the_bit_those_of_a_read_each(
    batch: int, memory: int
) -> None:
    images = windows(COUNT, 64, 1)
    found = describe(stream(images, batch), "fake", SEED, CPU, memory)
    assert list(found) == [64, 32, 16]
    for level, descriptors in found.items():
        assert bool(descriptors.store.file) == (memory == 0)
        cut = torch.cat(list(descriptors.store.batches()))
        assert torch.equal(cut, cut_apart(images, level, "fake"))


@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_each_set_is_read_once(memory: int) -> None:
    read: list[str] = []

    def counted(images: Images, name: str) -> Iterator[Images]:
        for image in images:
            read.append(name)
            yield image[None]

    reals, fakes = noise(3, 64, 1), noise(3, 64, 2)
    swd.swd(lambda: counted(reals, "real"), lambda: counted(fakes, "fake"), SEED, CPU, memory)
    assert read == 3 * ["real"] + 3 * ["fake"]


def test_descriptors_have_no_distance_from_themselves() -> None:
    for found in described(windows(COUNT, 32, 1)).values():
        assert swd.sliced_distance(found, found, SEED, MEMORY) == 0


def test_descriptors_are_standardised_by_channel_over_the_whole_set() -> None:
    found = torch.cat(list(described(windows(COUNT, 32, 1))[16].batches())).view(-1, 49, 3)
    torch.testing.assert_close(found.mean(dim=(0, 1)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(dim=(0, 1), correction=0), torch.ones(3))


def test_distance_is_symmetric_and_ignores_the_order_of_descriptors() -> None:
    a, b = (rng.normal((512, 147), rng.key(s, "test", 0)) for s in (1, 2))
    there = swd.sliced_distance(points(a), points(b), SEED, MEMORY)
    assert swd.sliced_distance(points(b), points(a), SEED, MEMORY) == pytest.approx(there, rel=1e-6)
    shuffled = points(b[rng.permutation(512, rng.key(3, "test", 0))])
    assert swd.sliced_distance(points(a), shuffled, SEED, MEMORY) == pytest.approx(there, rel=1e-6)


def test_distance_of_two_points_is_the_mean_length_of_the_projections() -> None:
    point = rng.normal((1, 147), rng.key(1, "test", 0))
    wanted = (point @ swd.directions(SEED, CPU)).abs().mean().item()
    origin, there = points(torch.zeros(128, 147)), points(point.expand(128, -1))
    assert swd.sliced_distance(origin, there, SEED, MEMORY) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("memory", [1, 10 << 20, 30 << 20])
def test_memory_does_not_change_the_distance(memory: int) -> None:
    reals, fakes = windows(COUNT, 32, 1), smooth(COUNT, 32, 2)
    found = swd.swd(stream(reals), stream(fakes), SEED, CPU, memory)
    assert found == pytest.approx(distances(reals, fakes), rel=1e-6)


def read_in_8_mb(images: int, size: int) -> None:
    pictures = streams.stream(Windows(images, size, 0))
    for level in describe(pictures, "real", SEED, CPU, 8 << 20).values():
        for _ in level.batches():
            pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "few", "many", "kept"),
    [
        (16, 200, 2500, 173e6),
        pytest.param(512, 20, 200, 566e6, marks=pytest.mark.faults),
    ],
)
def test_neither_images_nor_patches_that_do_not_fit_stay_in_memory(
    size: int, few: int, many: int, kept: float
) -> None:
    """At 16x16 the patches would be so many bytes more, at 512x512 the images, as floats.

    The allocator alone makes the same peak differ by up to 100 MB from one process to the next.
    """
    small, large = (measured(read_in_8_mb, images, size).peak for images in (few, many))
    assert large - small < kept / 2


def test_directions_are_four_times_128_unit_vectors_without_a_preferred_side() -> None:
    axes = swd.directions(SEED, CPU)
    assert axes.shape == (147, 4 * 128)
    torch.testing.assert_close(axes.norm(dim=0), torch.ones(512))
    assert axes.mean(dim=1).abs().max() < 5 / (147 * 512) ** 0.5


def test_patches_lie_anywhere_in_the_image_and_come_in_the_images_order() -> None:
    size = 16
    ramp = torch.arange(size * size, dtype=torch.float32).view(1, size, size, 1)
    level = torch.cat([ramp, ramp + 1000])
    found = patches(level, rng.key(SEED, "test", 0), 0)
    assert found.shape == (2 * 128, 49)
    assert (found[:128] < 1000).all()
    assert (found[128:] >= 1000).all()
    torch.testing.assert_close(found[:, 7] - found[:, 0], torch.full((256,), float(size)))
    corners = found[:, 0] % 1000
    assert set((corners // size).int().tolist()) == set(range(10))
    assert set((corners % size).int().tolist()) == set(range(10))


def test_reals_and_fakes_are_cut_at_other_places() -> None:
    images = windows(COUNT, 16, 1)
    real, fake = (next(described(images, name)[16].batches()) for name in ("real", "fake"))
    assert not torch.equal(real, fake)


@pytest.mark.parametrize("batch", [1, 7, 23])
def test_batch_size_changes_nothing(batch: int) -> None:
    reals, fakes = windows(COUNT, 32, 1), smooth(COUNT, 32, 2)
    whole = distances(reals, fakes)
    assert distances(reals, fakes, batch) == pytest.approx(whole, rel=1e-6)


def test_seed_moves_the_distance_but_little() -> None:
    reals, fakes = windows(COUNT, 32, 1), smooth(COUNT, 32, 2)
    one, other = (swd.swd(stream(reals), stream(fakes), seed, CPU) for seed in (1, 2))
    assert one != other
    assert one == pytest.approx(other, rel=0.2)


def test_gray_is_repeated_to_three_channels() -> None:
    reals, fakes = noise(COUNT, 16, 1)[..., :1], smooth(COUNT, 16, 2)[..., :1]
    repeated = distances(reals.repeat(3, axis=3), fakes.repeat(3, axis=3))
    assert distances(reals, fakes) == repeated


def test_levels_are_finest_first() -> None:
    found = distances(smooth(4, 64, 1), noise(4, 64, 2))
    assert list(found) == [64, 32, 16]


def test_brightness_and_contrast_of_a_whole_set_do_not_count() -> None:
    reals = smooth(COUNT, 16, 1) // 2
    fakes = smooth(COUNT, 16, 2) // 2
    assert distances(reals, fakes) == pytest.approx(distances(reals, 2 * fakes + 1), rel=1e-4)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_constant_set_has_a_distance(value: int) -> None:
    flat = np.full((4, 32, 32, 3), value, np.uint8)
    assert distances(flat, flat) == {32: 0, 16: 0}
    found = distances(windows(4, 32, 1), flat)
    assert all(np.isfinite(d) and d > 0 for d in found.values())


def test_a_channel_that_is_constant_leaves_the_others_alone() -> None:
    reals, fakes = noise(8, 16, 1), smooth(8, 16, 2)
    reals[..., 1] = fakes[..., 1] = 77
    found = distances(reals, fakes)[16]
    assert np.isfinite(found)
    assert found > 0


def test_sets_of_unequal_size_are_refused() -> None:
    with pytest.raises(AssertionError, match="unequal"):
        distances(noise(4, 16, 1), noise(5, 16, 2))


def drawn_apart(reals: Images, fakes: Images, seed: int) -> list[float]:
    """The literal distances at patches and directions that numpy draws."""
    draw = np.random.default_rng(seed)
    axes = draw.standard_normal((147, 512))

    def corners(
        which: str, level: int, height: int, width: int
    ) -> tuple[literal_swd.Ints, literal_swd.Ints]:
        tops, lefts = draw.integers(0, height - 6, (2, len(reals), 128))
        return tops, lefts

    return literal_swd.swd(reals, fakes, corners, lambda level: axes / np.linalg.norm(axes, axis=0))


@pytest.mark.slow
@pytest.mark.parametrize("make", [noise, windows])
def test_other_seeds_stay_within_the_spread_of_the_literal_one_over_seeds(make: Maker) -> None:
    reals, fakes = make(COUNT, 16, 1), smooth(COUNT, 16, 2)
    theirs = np.concatenate([drawn_apart(reals, fakes, seed) for seed in range(10)])
    ours = np.array([swd.swd(stream(reals), stream(fakes), seed, CPU)[16] for seed in range(10)])
    spread = theirs.std(ddof=1)
    assert (np.abs(ours - theirs.mean()) < 4 * spread).all()
    assert abs(ours.mean() - theirs.mean()) < 4 * spread * (2 / 10) ** 0.5
    assert 1 / 3 < ours.std(ddof=1) / spread < 3
