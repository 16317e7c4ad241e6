"""Reals of a training that mirrors: half of them are mirrored, everywhere alike."""

from typing import Any

import numpy as np
import pytest
import torch
from tinyparams import score_numbers

from pgpipe.data.feeding import mirrored
from pgpipe.data.feeding.multires import Chosen, ImageStore
from pgpipe.images import Images
from pgpipe.metrics import scores
from pgpipe.metrics.protocol import fingerprint
from pgpipe.scoring import pair

CPU = torch.device("cpu")


def slanted(count: int, side: int = 32, seed: int = 0) -> Images:
    """Stripes that all lean to one side: no image is like a mirrored one."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    phase, period = draw.uniform(0, 6.3, count), draw.uniform(5, 9, count)
    waves = np.sin((x + y) * 6.3 / period[:, None, None] + phase[:, None, None])
    values = 127 + 90 * waves[..., None] + draw.normal(0, 8, (count, side, side, 3))
    images: Images = values.clip(0, 255).astype(np.uint8)
    return images


def test_half_of_the_images_are_mirrored_whoever_reads_them() -> None:
    images = slanted(200)
    store = mirrored.seen(ImageStore(images), True, seed=3)
    found = store.take(np.arange(200))
    flipped = (found == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (flipped | (found == images).all(axis=(1, 2, 3))).all()
    assert 70 < flipped.sum() < 130
    order = np.random.default_rng(0).permutation(200)
    np.testing.assert_array_equal(Chosen(store, order)[5:50], found[order[5:50]])
    again = mirrored.seen(ImageStore(images), True, seed=3)
    np.testing.assert_array_equal(again.take(order), found[order])
    other = mirrored.seen(ImageStore(images), True, seed=4).take(np.arange(200))
    assert (other != found).any()
    np.testing.assert_array_equal(images, slanted(200), "the data are left alone")


def test_reals_are_as_they_are_where_training_does_not_mirror() -> None:
    store = ImageStore(slanted(4))
    assert mirrored.seen(store, False, seed=0) is store


@pytest.mark.slow
@pytest.mark.usefixtures("few_replicates")
def test_a_perfect_mirrored_generator_scores_the_floor() -> None:
    reals, perfect = ImageStore(slanted(512)), slanted(128, seed=1)
    perfect[::2] = perfect[::2, :, ::-1].copy()
    order = np.random.default_rng(2).permutation(512)
    protocol = score_numbers(swd_images=128, ms_ssim_pairs=8)

    def swd_avg(mirror: bool, fakes: Images) -> tuple[float, float]:
        store = mirrored.seen(reals, mirror, seed=0)
        one, other = Chosen(store, order[:128]), Chosen(store, order[128:256])
        found = scores.of(fakes, one, None, protocol, CPU)["swd_avg"]
        floor = scores.of(one, other, None, protocol, CPU)["swd_avg"]
        assert found is not None
        assert floor is not None
        return found, floor

    found, floor = swd_avg(mirror=True, fakes=perfect)
    assert found < 1.5 * floor
    charged, floor = swd_avg(mirror=False, fakes=perfect)
    assert charged > 4 * floor
    unmirrored, floor = swd_avg(mirror=False, fakes=slanted(128, seed=1))
    assert unmirrored < 1.5 * floor


@pytest.mark.usefixtures("few_replicates")
def test_two_named_sets_compare_with_mirrored_reals_if_asked() -> None:
    reals, fakes = ImageStore(slanted(256)), slanted(64, seed=1)
    fakes[::2] = fakes[::2, :, ::-1].copy()

    def compare(**options: Any) -> pair.Metrics:
        numbers = pair.protocol_of(pair.Options(**options), reals, ImageStore(fakes))
        return pair.compare(reals, ImageStore(fakes), numbers, CPU, lambda batches, *_: batches)

    asked, plain = compare(mirror=True), compare()
    assert float(asked["swd_avg"] or 0) < 0.5 * float(plain["swd_avg"] or 0)
    assert asked["protocol"] != plain["protocol"]


@pytest.mark.parametrize("found", [{"swd_avg": 1.0}, {"ms_ssim": 0.5}, {"fid": 3.0}])
def test_scores_against_mirrored_reals_are_another_protocol(found: dict[str, float]) -> None:
    plain = score_numbers()
    turned = plain.model_copy(update={"mirror": True})
    assert fingerprint(found, plain, 32) != fingerprint(found, turned, 32)


def test_the_fingerprint_of_scores_against_plain_reals_is_what_it_was() -> None:
    """So that scores of before there was `score.mirror` still compare."""
    found = {"swd_16": 1.0, "swd_32": 1.0, "swd_avg": 1.0, "ms_ssim": 0.5}
    assert fingerprint(found, score_numbers(swd_images=64, ms_ssim_pairs=32), 32) == "6cabd0b16c40"
