"""Losses of labels against their formulas."""

import math

import numpy as np
import pytest
import torch

from pgpipe import rng
from pgpipe.gan.losses import labels
from pgpipe.gan.losses.loss import load
from pgpipe.gan.losses.table import LOSSES

LOGITS = rng.normal((6, 4), rng.key(0, "logits", 0))
LABELS = torch.tensor([0, 3, 1, 1, 2, 0])


def test_classification_is_the_cross_entropy() -> None:
    odds = np.exp(LOGITS.double().numpy())
    picked = odds[np.arange(6), LABELS.numpy()] / odds.sum(axis=1)
    expected = -np.log(picked).mean()
    assert labels.classification(LOGITS, LABELS).item() == pytest.approx(expected)


def test_classification_without_an_idea_is_the_log_of_the_classes() -> None:
    loss = labels.classification(torch.zeros(3, 10), torch.tensor([0, 5, 9]))
    assert loss.item() == pytest.approx(math.log(10))


def test_match_score_is_the_logit_of_the_label() -> None:
    found = labels.match_scores(LOGITS, LABELS)
    assert found.tolist() == [LOGITS[i, label].item() for i, label in enumerate(LABELS)]


def test_match_score_of_vectors_is_their_inner_product_and_of_one_hot_ones_the_same_bits() -> None:
    vectors = rng.normal((6, 4), rng.key(0, "vectors", 0))
    expected = (LOGITS.double().numpy() * vectors.double().numpy()).sum(axis=1)
    np.testing.assert_allclose(labels.match_scores(LOGITS, vectors), expected, rtol=1e-5)
    slopes = []
    for given in (LABELS, torch.eye(4)[LABELS]):
        logits = LOGITS.clone().requires_grad_()
        scores = labels.match_scores(logits, given)
        assert scores.equal(LOGITS.gather(1, LABELS[:, None])[:, 0])  # as it was for labels alone
        slopes.append(torch.autograd.grad(labels.matching_generator(scores), logits)[0])
    assert slopes[0].equal(slopes[1])


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_a_term_of_mismatched_pairs_where_the_table_says_so(name: str) -> None:
    term = load(name).mismatched
    assert (term is not None) == LOSSES[name].joint
    if term is not None:
        wrong = [0.5, -1.5, 2.0]
        expected = -sum(math.log(1 - sigmoid(x)) for x in wrong) / 3
        assert term(torch.tensor(wrong)).item() == pytest.approx(expected)
        double = torch.tensor(wrong, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(term, (double,))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_matching_by_hand() -> None:
    right, wrong, fake = [2.0, -1.0], [0.5, 0.25], [-3.0, 1.0]
    of_right = -sum(math.log(sigmoid(x)) for x in right) / 2
    of_wrong = -sum(math.log(1 - sigmoid(x)) for x in wrong) / 2
    of_fake = -sum(math.log(1 - sigmoid(x)) for x in fake) / 2
    loss = labels.matching_discriminator(*(torch.tensor(x) for x in (right, wrong, fake)))
    assert loss.item() == pytest.approx(of_right + (of_wrong + of_fake) / 2)
    expected = -sum(math.log(sigmoid(x)) for x in fake) / 2
    assert labels.matching_generator(torch.tensor(fake)).item() == pytest.approx(expected)


def test_matching_without_an_idea_is_twice_the_log_of_2() -> None:
    nothing = torch.zeros(5)
    loss = labels.matching_discriminator(nothing, nothing, nothing)
    assert loss.item() == pytest.approx(2 * math.log(2))


def test_matching_of_scores_beyond_all_bounds_is_finite() -> None:
    far = torch.tensor([-1e15, 1e15])
    assert labels.matching_discriminator(far, far, far).isfinite()
    assert labels.matching_generator(far).isfinite()


def test_derivatives_of_label_losses() -> None:
    parts = [rng.normal((5,), rng.key(0, name, 0)).double().requires_grad_() for name in "rwf"]
    assert torch.autograd.gradcheck(labels.matching_discriminator, parts)
    assert torch.autograd.gradcheck(labels.matching_generator, parts[2:])
    logits = LOGITS.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: labels.classification(x, LABELS), (logits,))
    assert torch.autograd.gradcheck(lambda x: labels.match_scores(x, LABELS), (logits,))
