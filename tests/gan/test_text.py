"""Captions as vectors: counted by hand, the same for ever, and one-hot labels as another case."""

import hashlib
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from specs import network_spec, train_section
from tinytraining import assert_equal, minibatch, networks

from pgpipe.gan import text
from pgpipe.gan.networks import tensors_of
from pgpipe.gan.step import Minibatch, Step

WIDE = "".join(chr(ord(c) + 0xFEE0) if c != " " else c for c in "red heart")


def by_hand(words: list[str]) -> np.ndarray:
    """The vector of words that are as they compare, in plain Python."""
    counts: Counter[str] = Counter()
    letters = [" ", *(letter for word in words for letter in [*word, " "])]
    for first in range(len(letters)):
        for last in range(first + 1, min(first + 3, len(letters))):
            counts["".join(letters[first : last + 1])] += 1
    counts.update(" " + word + " " for word in words)
    vector = [0.0] * 256
    for gram, count in counts.items():
        digest = hashlib.blake2b(gram.encode("utf-8"), digest_size=8).digest()
        number = sum(byte << (8 * place) for place, byte in enumerate(digest))
        vector[number & 255] += count * (1 if digest[7] & 128 else -1)
    length = sum(x * x for x in vector) ** 0.5
    return np.array([4 * x / length for x in vector])


@pytest.mark.parametrize("given", ["red heart", "  Red\tHEART\n", WIDE])
def test_a_caption_is_the_signed_counts_of_its_n_grams(given: str) -> None:
    (found,) = text.encode([given])
    np.testing.assert_allclose(found, by_hand(["red", "heart"]), rtol=1e-6)
    assert found.norm().item() == pytest.approx(4)


def test_forms_of_the_same_letters_and_capitals_do_not_count() -> None:
    same = text.encode(["Straße Å", "STRASSE å", "strasse A\u030a"])
    assert same[0].equal(same[1])
    assert same[0].equal(same[2])


def test_captions_that_share_words_are_nearer() -> None:
    red, green, apple = text.encode(["red heart", "green heart", "green apple"])
    assert red @ green > 0.2 * 16
    assert red @ apple < 0.2 * 16 < green @ apple


def test_a_vector_never_changes() -> None:
    """States and generators' files take it for granted."""
    (found,) = text.encode(["grinning face with smiling eyes"])
    digest = hashlib.sha256((found * 1e4).round().numpy().astype("<i4").tobytes()).hexdigest()
    assert digest[:16] == "6275fa91912af3d7"


def test_equal_captions_are_one_condition() -> None:
    spec = network_spec(captions=True)
    given = text.conditions(spec, np.zeros(4, np.int64), ["b", "a", "b", "c"])
    assert given.numbers is not None
    assert given.codes is not None
    assert given.numbers.tolist() == [1, 0, 1, 2]
    assert given.codes.equal(text.encode(["a", "b", "c"]))
    assert given.of(given.numbers).equal(text.encode(["b", "a", "b", "c"]))
    labels = text.conditions(network_spec(classes=3), np.array([2, 0]), ["a", "b"])
    assert labels.codes is None
    assert labels.of(torch.tensor([2, 0])).tolist() == [2, 0]
    assert text.conditions(network_spec(), np.array([0]), []).numbers is None


def with_codes(batch: Minibatch, codes: torch.Tensor) -> Minibatch:
    return Minibatch(batch.images, batch.labels, batch.labels_g, batch.seen, batch.fade, codes)


@pytest.mark.parametrize(
    "train",
    [
        {"label_conditioning": "matching", "minibatch_stddev": 2, "minibatch_per_device": 4},
        {"label_conditioning": "projection", "loss": "relativistic"},
        {"label_conditioning": "joint", "loss": "r1"},
    ],
)
def test_one_hot_vectors_train_the_bits_that_labels_train(train: dict[str, Any]) -> None:
    section, ends = train_section(**train), []
    for codes in (None, torch.eye(3)):
        nets = networks(section, classes=3)
        step = Step(nets, section)
        for seen in (0, 8):
            batch = minibatch(seen, 3)
            step([batch if codes is None else with_codes(batch, codes)])
        ends.append(tensors_of(nets))
    assert_equal(*ends)


def test_wrong_captions_are_any_but_the_right_ones() -> None:
    section = train_section(label_conditioning="matching")
    made, codes = Step(networks(section, captions=True), section), text.encode(["a", "b", "c", "d"])
    met = set()
    for seen in range(0, 800, 8):
        batch = with_codes(minibatch(seen, 4), codes)
        assert batch.labels is not None
        met |= {*zip(batch.labels.tolist(), made.wrong(batch, batch.labels).tolist(), strict=True)}
    assert met == {(right, wrong) for right in range(4) for wrong in range(4) if right != wrong}
