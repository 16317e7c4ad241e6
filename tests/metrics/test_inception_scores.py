"""The scores of the Inception network together: their names, and which images each counts."""

import torch
from tinyparams import score_numbers
from torch import Tensor

from pgpipe.metrics import scores
from pgpipe.metrics.features import Features
from pgpipe.metrics.inception import inception_score

SECTION = score_numbers(inception_images=20, inception_splits=4, fid_images=12)


def draw(count: int, size: int, seed: int) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


FAKES = Features(draw(30, 6, 0), draw(30, 5, 1).softmax(1))


def test_where_no_other_reals_are_left_their_distances_are_none() -> None:
    found = scores.of_features(FAKES, None, SECTION)
    alone = scores.of_features(FAKES, draw(12, 6, 2), SECTION)
    assert None not in alone.values()
    assert {k for k, v in found.items() if v is None} == {"fid", "kid", "precision", "recall"}
    for name in ("inception_score", "inception_score_std"):
        assert found[name] == alone[name]


def test_reals_as_their_own_fakes_are_perfect() -> None:
    scored = scores.of_features(FAKES, FAKES.pooled[:12], SECTION)
    found = {name: value for name, value in scored.items() if value is not None}
    assert abs(found["fid"]) < 1e-6
    assert found["kid"] < 0  # the unbiased estimate of a set with itself
    assert (found["precision"], found["recall"]) == (1, 1)
    wanted = inception_score(FAKES.probabilities[:20], 4)
    assert (found["inception_score"], found["inception_score_std"]) == wanted


def test_images_beyond_the_stated_number_do_not_count() -> None:
    reals = draw(12, 6, 2)
    enough = Features(FAKES.pooled[:12], FAKES.probabilities[:20])
    assert scores.of_features(FAKES, reals, SECTION) == scores.of_features(enough, reals, SECTION)
