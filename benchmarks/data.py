"""The loader of training alone: shuffled minibatches from a prepared array that is in the cache.

Beside it what else could be done: numpy's indexing of the same mapped file, and torch's DataLoader
with two workers over the same images as PNG files.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.steps import noise
from benchmarks.timing import Work, in_turns
from pgpipe.data.feeding.batches import Batches
from pgpipe.data.feeding.multires import ImageStore
from pgpipe.plumbing.terminal import table_lines

MINIBATCH = 16
WORKERS = 2
CHANNELS = 3
IMAGES, PICTURES = 4096, 512  # multiples of the minibatch
HEAD = ("pixels", "images/s", "numpy", "DataLoader", "times numpy", "times DataLoader", "")


@dataclass(frozen=True)
class Rates:
    """Images a second at one resolution."""

    resolution: int
    ours: float
    numpy: float
    loader: float


class Pictures(Dataset[Tensor]):
    """A folder of PNG files, decoded one by one: uint8 [R, R, C]."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.glob("*.png"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.files[index], formats=["PNG"]) as picture:
            return torch.from_numpy(np.array(picture))


def compare(resolution: int, repeats: int, seconds: float) -> Rates:
    """Measure all three at one resolution, in turns."""
    with TemporaryDirectory() as folder:
        store = noise(Path(folder), resolution, CHANNELS, IMAGES)
        write_pictures(Path(folder), store)
        works = {
            "ours": ours(store),
            "numpy": indexing(store),
            "loader": loading(Pictures(Path(folder))),
        }
        prepared = {name: Work(call, let_workers_rest) for name, call in works.items()}
        times = in_turns(prepared, repeats, seconds)
    return Rates(resolution, **{name: MINIBATCH / time for name, time in times.items()})


def let_workers_rest() -> None:
    """Wait for a DataLoader's workers, which read ahead when its turn is over."""
    time.sleep(0.3)


def write_pictures(folder: Path, store: ImageStore) -> None:
    """Write the first images of a store as PNG files."""
    for number, image in enumerate(store.take(np.arange(PICTURES))):
        Image.fromarray(image).save(folder / f"{number:05d}.png")


def ours(store: ImageStore) -> Callable[[], Tensor]:
    """The next minibatch uint8 [N, R, R, C] as training draws it."""
    batches = Batches(store, None, 0, torch.device("cpu"), held=False)
    seen = iter(range(0, 1 << 62, MINIBATCH))
    return lambda: batches.reals(next(seen), MINIBATCH)[0]


def indexing(store: ImageStore) -> Callable[[], Tensor]:
    """The next minibatch of a mapped array, in a random order anew in each epoch."""
    array, generator = store.shards[0], np.random.default_rng(0)
    starts = range(0, len(array), MINIBATCH)
    orders = (generator.permutation(len(array)) for _ in repeat(None))
    chosen = (order[start : start + MINIBATCH] for order in orders for start in starts)
    return lambda: torch.from_numpy(array[next(chosen)])


def loading(pictures: Pictures) -> Callable[[], Tensor]:
    """The next minibatch of a DataLoader that starts anew at the end of an epoch."""
    loader = DataLoader(
        pictures, MINIBATCH, shuffle=True, drop_last=True,
        num_workers=WORKERS, persistent_workers=True,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    found = chain.from_iterable(repeat(loader))
    return lambda: next(found)


def lines(found: Sequence[Rates]) -> Iterator[str]:
    """A line a resolution, for a terminal."""
    rows = [
        (
            str(rates.resolution),
            f"{rates.ours:.0f}",
            f"{rates.numpy:.0f}",
            f"{rates.loader:.0f}",
            f"{rates.ours / rates.numpy:.2f}",
            f"{rates.ours / rates.loader:.1f}",
            "",
        )
        for rates in found
    ]
    yield from table_lines(rows, HEAD, range(1, len(HEAD) - 1))
