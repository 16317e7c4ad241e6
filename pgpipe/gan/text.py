"""Captions as vectors: hashed counts of character n-grams, the same on every machine.

A caption becomes the counts of two and three characters in a row, and of whole words, each added to
or taken from one of 256 numbers that its hash names (Weinberger et al. 2009). Single letters are
left out: their counts make captions alike that share nothing. Nothing is learnt here: G's first
layer and D's last one learn linear maps of these vectors, of which one-hot labels are another case.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgpipe.gan.widths import CAPTION_SIZE

if TYPE_CHECKING:
    from pgpipe.gan.config import NetworkSpec

SIZES = (2, 3)  # characters of an n-gram
LENGTH = 4.0  # of a caption's vector: a quarter of the square root of its numbers


def grams(text: str) -> Iterator[str]:
    """Yield the n-grams of a text, whose words have blanks around them, and the words themselves.

    Case and forms of the same characters do not count (NFKC).
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    words = plain.split()
    yield from (f" {word} " for word in words)
    bordered = f" {' '.join(words)} " if words else ""
    for size in SIZES:
        yield from (bordered[n : n + size] for n in range(len(bordered) - size + 1))


def code(text: str) -> NDArray[np.float64]:
    """Return the vector [256] of one caption; 0 of one without words."""
    found = np.zeros(CAPTION_SIZE)
    for gram in grams(text):
        number = int.from_bytes(blake2b(gram.encode(), digest_size=8).digest(), "little")
        found[number % CAPTION_SIZE] += 1 if number >> 63 else -1
    length = np.sqrt((found**2).sum())
    return found * (LENGTH / length) if length else found


def encode(texts: Sequence[str]) -> Tensor:
    """Return the vectors of captions: float32 [N, 256]."""
    return torch.from_numpy(np.stack([code(text) for text in texts]).astype(np.float32))


def distinct(captions: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the captions, each once and in order, and the number of each image's: int64 [N]."""
    texts, numbers = np.unique(np.array(captions), return_inverse=True)
    return texts.tolist(), numbers.astype(np.int64)


class Conditions(NamedTuple):
    """What G is conditioned on, of each image of a data set."""

    numbers: Tensor | None  # int64 [count]: of its class, or of its caption; None: on nothing
    codes: Tensor | None = None  # of the distinct captions [K, 256]; None: a class is its number

    def of(self, numbers: Tensor) -> Tensor:
        """Return what G takes for some numbers [N]: themselves, or captions' vectors [N, 256]."""
        return numbers if self.codes is None else self.codes[numbers]


def conditions(
    spec: "NetworkSpec", labels: NDArray[np.int64], captions: Sequence[str]
) -> Conditions:
    """Return what networks of a spec take of a data set's labels [count] and captions."""
    if spec.captions:
        texts, numbers = distinct(captions)
        return Conditions(torch.from_numpy(numbers), encode(texts))
    return Conditions(torch.from_numpy(labels) if spec.classes else None)
