"""Captions found among 100: chances against draws, a network that can and one that cannot."""

from pathlib import Path

import numpy as np
import pytest
import torch
from imagesets import CPU
from tinyparams import score_numbers

from pgpipe.gan import text
from pgpipe.metrics import retrieval, scores
from pgpipe.metrics.retrieval import Retrieval

SECTION = score_numbers(swd_images=60, ms_ssim_pairs=30)


@pytest.mark.parametrize(("better", "others"), [(0, 150), (1, 150), (7, 150), (3, 20), (149, 150)])
def test_the_chance_is_that_of_drawing_99_others(better: int, others: int) -> None:
    draw, rounds = np.random.default_rng(0), 4000
    free = sum(
        not (draw.permutation(others)[:99] < better).any()  # the better ones have these numbers
        for _ in range(rounds)
    )
    (found,) = retrieval.chance_of_none(np.array([better]), others)
    assert found == pytest.approx(free / rounds, abs=4 * (0.25 / rounds) ** 0.5)


def known(count: int = 120) -> Retrieval:
    codes = torch.from_numpy(np.random.default_rng(1).standard_normal((count, 16))).float()
    codes /= codes.norm(dim=1, keepdim=True)
    net = retrieval.train(
        np.zeros((2, 16, 16, 3), np.uint8), np.array([0, 1]), codes, 0, 1e-3, 0, CPU
    )
    return Retrieval(net, np.arange(0, 3 * count, 3), codes)


def test_vectors_of_the_captions_find_them_and_of_others_do_not() -> None:
    one = known()
    numbers = one.numbers[np.random.default_rng(2).integers(0, 120, 60)]
    right = retrieval.scores(one.codes[numbers // 3], numbers, one, SECTION)
    assert right["caption_retrieval"] == 1.0
    others = retrieval.scores(one.codes[(numbers // 3 + 1) % 120], numbers, one, SECTION)
    assert others["caption_retrieval"] < 0.2
    flat = retrieval.scores(torch.ones(60, 16) * 0, numbers, one, SECTION)
    assert flat["caption_retrieval"] == 0.0, "what says nothing finds nothing"


def test_without_an_idea_one_of_100_is_found() -> None:
    one, noise = known(), np.random.default_rng(3)
    numbers = one.numbers[noise.integers(0, 120, 4000)]
    vectors = torch.from_numpy(noise.standard_normal((4000, 16))).float()
    found = retrieval.scores(vectors, numbers, one, SECTION)["caption_retrieval"]
    assert found == pytest.approx(0.01, abs=0.01)


def test_images_of_captions_that_are_not_compared_are_left_out() -> None:
    one = known()
    numbers = np.array([0, 3, 1, 2])  # 1 and 2 are none of them
    vectors = torch.cat([one.codes[:2], torch.zeros(2, 16)])
    assert retrieval.scores(vectors, numbers, one, SECTION)["caption_retrieval"] == 1.0
    none = retrieval.scores(vectors[2:], numbers[2:], one, SECTION)
    assert none == {}


def test_colours_are_learnt_and_found_in_captions_that_it_has_not_seen() -> None:
    """Of flat images: from the words for red, green and blue parts to pairs of them."""
    words = ["red", "green", "blue"]
    texts = sorted({f"{a}ish {b} {n}" for a in words for b in words for n in "xyzuvw"})
    pixels = np.zeros((len(texts), 16, 16, 3), np.uint8)
    for image, caption in zip(pixels, texts, strict=True):
        a, b, _ = caption.split()
        image[:, :8, words.index(a.removesuffix("ish"))] = 220
        image[:, 8:, words.index(b)] = 220
    codes, numbers = text.encode(texts), np.arange(len(texts))
    held = numbers % 6 == 0  # one caption of each pair
    new = np.cumsum(~held) - 1
    kept = torch.from_numpy(numbers[~held])
    net = retrieval.train(pixels[~held], new[~held], codes[kept], 6000, 3e-3, 0, CPU)
    one = Retrieval(net, numbers[held], codes[torch.from_numpy(numbers[held])])
    found = scores.of_captions(one, pixels[held], numbers[held], SECTION)["caption_retrieval"]
    assert (found or 0) > 0.5, "by chance 1 of 9"


def test_it_survives_its_file(tmp_path: Path) -> None:
    one = known()
    retrieval.save(tmp_path / "r", one)
    again = retrieval.load(tmp_path / "r", CPU)
    x = torch.rand(2, 3, 16, 16)
    assert again.net(x).equal(one.net(x))
    assert again.codes.equal(one.codes)
    assert (again.numbers == one.numbers).all()
