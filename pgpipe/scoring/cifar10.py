"""The gate of the Inception score: CIFAR-10's training set scores 11.237 +- 0.095.

It takes the data set, the network and, on a CPU, an hour or so; so it is asked for, and no stage.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from pgpipe import rng
from pgpipe.data.feeding.multires import Chosen
from pgpipe.errors import UsageError
from pgpipe.metrics import features, known
from pgpipe.metrics.inception import inception_score
from pgpipe.metrics.streams import stream
from pgpipe.scoring import sets
from pgpipe.scoring.pair import SPLITS, Watch

SHAPE = (50_000, 32, 32, 3)
SCORE, TOLERANCE = 11.237, 0.095


def check(path: Path, device: torch.device, watch: Watch) -> known.Check:
    """The Inception score of the data set at `path` (as `sets.read` takes it), in random order.

    Raises:
        UsageError: not 50,000 images of 32x32 in RGB; the network is missing.
    """
    with TemporaryDirectory(prefix="pgpipe-") as scratch:
        store = sets.read(path, Path(scratch))
        if store.shape != SHAPE:
            raise UsageError(f"{path}: shape {store.shape} is not {SHAPE}, CIFAR-10's training set")
        # Files lie by class, and parts of one class each would score 1.
        order = rng.permutation(len(store), rng.key(known.SEED, "cifar10", 0)).numpy()
        batches = watch(stream(Chosen(store, order))(), "cifar10", len(store))
        seen = features.of(features.network(device), batches)
    found, _ = inception_score(seen.probabilities, SPLITS)
    return known.Check("Inception score of CIFAR-10's training set", found, SCORE, TOLERANCE)
