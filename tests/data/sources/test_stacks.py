"""Three digits as one image: which, in what order, and back to single digits."""

from pathlib import Path

import numpy as np
import pytest

from pgpipe.data.feeding import multires
from pgpipe.data.feeding.multires import ImageStore
from pgpipe.data.preparing import writing
from pgpipe.data.preparing.pyramid import blocks
from pgpipe.data.sources import stacks
from pgpipe.data.sources.stacks import Digits

COUNT = 40
DRAW = np.random.default_rng(0)
DIGITS = Digits(DRAW.integers(0, 256, (COUNT, 32, 32), dtype=np.uint8), DRAW.integers(0, 10, COUNT))


@pytest.fixture
def sources() -> stacks.Sources:
    return stacks.draw(COUNT, 200, 3)


def test_more_stacks_begin_with_the_same(sources: stacks.Sources) -> None:
    np.testing.assert_array_equal(stacks.draw(COUNT, 500, 3)[:200], sources)
    assert (stacks.draw(COUNT, 200, 4) != sources).any()


def test_digits_are_drawn_evenly_and_channels_apart() -> None:
    """Chi-squared of the 40 x 40 pairs of digits in two channels: 1599 +- 57."""
    drawn = stacks.draw(COUNT, 100_000, 0)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        pairs = np.bincount(drawn[:, a] * COUNT + drawn[:, b], minlength=COUNT**2)
        expected = len(drawn) / COUNT**2
        assert abs(((pairs - expected) ** 2 / expected).sum() - (COUNT**2 - 1)) < 300


def test_channels_are_the_digits_and_the_label_their_mode(sources: stacks.Sources) -> None:
    for (image, label, _), (r, g, b) in zip(stacks.read(DIGITS, sources), sources, strict=True):
        for channel, source in enumerate((r, g, b)):
            np.testing.assert_array_equal(image[:, :, channel], DIGITS.images[source])
        assert label == f"{DIGITS.digits[b]}{DIGITS.digits[g]}{DIGITS.digits[r]}"


def test_names_are_those_of_their_images(sources: stacks.Sources) -> None:
    names = [name for _, _, name in stacks.read(DIGITS, sources)]
    assert names == sorted(set(names))


@pytest.fixture
def prepared(sources: stacks.Sources, tmp_path: Path) -> Path:
    np.save(tmp_path / "sources.npy", sources)
    writing.write(blocks(stacks.read(DIGITS, sources)), tmp_path, 32, [], stacks.MODES)
    return tmp_path


def test_prepared_label_is_the_mode_though_not_all_modes_occur(
    prepared: Path, sources: stacks.Sources
) -> None:
    r, g, b = DIGITS.digits[sources].T
    np.testing.assert_array_equal(multires.read_labels(prepared), r + 10 * g + 100 * b)
    manifest = multires.read_manifest(prepared)
    assert manifest["labels"] == [f"{n:03d}" for n in range(1000)]
    assert sum(manifest["per_label"].values()) == 200
    assert "sources.npy" in manifest["arrays"], "its hash tells whether the data set changed"


@pytest.mark.parametrize("resolution", [32, 8])
def test_singles_are_the_digits_that_were_stacked(
    resolution: int, prepared: Path, sources: stacks.Sources
) -> None:
    store, modes = ImageStore(prepared / f"r{resolution}"), multires.read_labels(prepared)
    images, digits = stacks.singles(store, modes, sources)
    used = np.unique(sources)
    scale = 32 // resolution
    means = DIGITS.images[used].reshape(-1, resolution, scale, resolution, scale).mean(axis=(2, 4))
    assert np.abs(images[..., 0] - means).max() < 0.51
    np.testing.assert_array_equal(digits, DIGITS.digits[used])
