"""Two sets of images against each other: which images count, and what is stated beside a score."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from tinyparams import score_numbers

from pgpipe.data.feeding.multires import ImageStore
from pgpipe.errors import UsageError
from pgpipe.images import Images
from pgpipe.metrics import scores
from pgpipe.metrics.features import Features
from pgpipe.metrics.protocol import fingerprint
from pgpipe.metrics.table import name_of, names
from pgpipe.scoring import pair, table

pytestmark = pytest.mark.usefixtures("few_replicates")

CPU = torch.device("cpu")
LEVELS = {"swd_32", "swd_16", "swd_avg"}


def store(count: int, seed: int = 0, size: int = 32, channels: int = 3) -> ImageStore:
    draw = np.random.default_rng(seed)
    return ImageStore(draw.integers(0, 256, (count, size, size, channels), dtype=np.uint8))


def unwatched(batches: Iterable[Images], *_: object) -> Iterable[Images]:
    return batches


def compare(reals: ImageStore, fakes: ImageStore, **options: Any) -> pair.Metrics:
    section = pair.protocol_of(pair.Options(**options), reals, fakes)
    return pair.compare(reals, fakes, section, CPU, unwatched)


def refusal(reals: ImageStore, fakes: ImageStore, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        pair.protocol_of(pair.Options(**options), reals, fakes)
    return str(caught.value)


def test_names_are_those_of_the_pipeline() -> None:
    """Of the metrics that a row of the table may add, what they are called is theirs."""
    everything = compare(store(8), store(4, 1))
    ours = ("swd", "ms_ssim", "")
    found = {name: value for name, value in everything.items() if name_of(name) in ours}
    scores = LEVELS | {"ms_ssim"}
    own = {f"{name}_floor" for name in LEVELS} | {"ms_ssim_real"}
    bounds = {f"{name}_{bound}" for name in scores for bound in ("low", "high")}
    assert found.keys() == scores | own | bounds | {"images", "pairs", "seed", "protocol"}


@pytest.mark.parametrize(
    ("reals", "fakes", "options", "images", "pairs"),
    [
        (9, 4, {}, 4, 2),
        (4, 9, {}, 4, 2),
        (5, 5, {}, 5, 2),
        (9, 4, {"images": 3}, 3, 1),
        (9, 8, {"images": 2, "pairs": 4}, 2, 4),
    ],
)
def test_as_many_images_count_as_both_have_or_as_asked_for(
    reals: int, fakes: int, options: dict[str, Any], images: int, pairs: int
) -> None:
    section = pair.protocol_of(pair.Options(**options), store(reals), store(fakes))
    assert (section.swd_images, section.ms_ssim_pairs) == (images, pairs)
    assert f"{images} of {reals} real and {images} of {fakes} generated" in next(
        pair.notes(section, reals, fakes)
    )


def test_images_beyond_the_number_do_not_count() -> None:
    reals, fakes = store(8), store(9, 1)
    fewer = ImageStore(fakes.take(np.arange(4)))
    assert compare(reals, fakes, images=4) == compare(reals, fewer)


@pytest.mark.parametrize(("reals", "there"), [(7, False), (8, True)])
def test_floor_needs_as_many_other_reals(reals: int, there: bool) -> None:
    known, fakes = store(reals), store(4, 1)
    found = compare(known, fakes)
    assert ("swd_avg_floor" in found) == there
    assert "ms_ssim_real" in found
    notes = list(pair.notes(pair.protocol_of(pair.Options(), known, fakes), reals, 4))
    assert any("no floor: it takes 8 real images" in note for note in notes) != there


def test_two_sets_of_one_kind_score_the_floor() -> None:
    found = compare(store(32), store(16, 1))
    assert found["swd_avg"] == pytest.approx(found["swd_avg_floor"], rel=0.25)


def test_gray_compares_with_rgb_by_repetition() -> None:
    gray = store(4, channels=1)
    rgb = ImageStore(gray.take(np.arange(4)).repeat(3, axis=3))
    other = store(8, 1)
    repeated = compare(other, rgb)
    for name, value in compare(other, gray).items():
        if isinstance(value, float):
            assert value == pytest.approx(repeated[name], rel=1e-5)


def test_seed_decides_and_is_stated() -> None:
    one, other = (compare(store(16), store(4, 1), seed=seed) for seed in (0, 1))
    assert (one["seed"], other["seed"]) == (0, 1)
    assert one["swd_avg"] != other["swd_avg"]
    assert one["protocol"] == other["protocol"]
    assert compare(store(16), store(4, 1)) == one


def test_protocol_is_that_of_the_pipeline() -> None:
    section = score_numbers(swd_images=4, ms_ssim_pairs=2)
    own = fingerprint(dict.fromkeys(names("images"), 0.0), section, 32)
    assert compare(store(4), store(4, 1))["protocol"] == own


# Refused


def test_resolutions_are_equal() -> None:
    assert "of 16x16 pixels, generated ones of 32x32" in refusal(store(4, size=16), store(4))


@pytest.mark.parametrize(("reals", "fakes"), [(1, 4), (4, 1)])
def test_one_image_is_no_set(reals: int, fakes: int) -> None:
    message = refusal(store(reals), store(fakes))
    assert message.startswith("1 image of each set: not >= 2; there are ")
    assert f"{reals} real and {fakes} generated" in message


def test_no_more_images_than_there_are() -> None:
    assert refusal(store(4), store(9), images=5).startswith("--swd-images: 5 is not <= 4: ")
    assert refusal(store(4), store(9), pairs=3).startswith("--pairs: 3 is not <= 2: ")


def test_inception_network_takes_four_images() -> None:
    assert "3 images of each set: not >= 4; " in refusal(store(3), store(3), inception=True)


def test_features_that_are_no_numbers_are_no_score() -> None:
    section = pair.protocol_of(pair.Options(inception=True), store(4), store(4))
    bad = Features(torch.full((4, 8), torch.nan), torch.full((4, 5), torch.nan))
    with pytest.raises(UsageError, match="the features of generated image 0 are not finite"):
        scores.of_features(bad, torch.zeros(4, 8), section)


# As a table


def test_table_has_a_line_a_score_beside_the_reals_own() -> None:
    metrics: pair.Metrics = {
        "swd_16": 12.5, "swd_16_low": 11.5, "swd_16_high": 13.5, "swd_16_floor": 3.25,
        "ms_ssim": 0.25, "ms_ssim_real": 0.125,
        "inception_score": 7.5, "inception_score_std": 0.5,
        "images": 64, "seed": 0, "protocol": "0123456789ab", "fid_images": 8,
    }  # fmt: skip
    assert list(table.rows(metrics)) == [
        ("swd_16", "12.5", "3.25", "11.5 to 13.5"),
        ("ms_ssim", "0.25", "0.125", ""),
        ("inception_score", "7.5", "-", "+- 0.5"),
    ]
    assert table.protocol(metrics) == "images 64, seed 0, protocol 0123456789ab, fid_images 8"
